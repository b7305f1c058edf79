"""All checks of a run, in one call."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from .._runtime.check import describe, integer, samples
from .._runtime.errors import NonFiniteError
from .._runtime.seed import seed_sequence
from ..energies.base import Energy, as_energy
from ..fitting.examine import examine
from ..fitting.prepared import PreparedDensity
from ..fitting.scaled_network import ScaledNetwork
from ..fitting.scaled_wells import ScaledWells
from ..mixtures.optimum import STARTS
from ..partition.log_partition import LogPartition
from ..samplers.base import as_sampler
from ..training.result import TrainingResult
from ..training.score_result import ScoreResult
from . import (
    arrival,
    density,
    energies,
    large,
    mixing,
    modes,
    partition,
    population,
    prepared,
    scores,
    temperature,
    training,
)
from .diagnostic import Diagnosis, Diagnostic


def diagnose(subject, X=None, *, sampler=None, x0=None, n_steps=30, X_val=None, seed=0) -> Diagnosis:
    """Look for what makes a result untrustworthy, and say which setting to change.

    Parameters
    ----------
    subject : TrainingResult, ScoreResult, ScaledWells, ScaledNetwork, PreparedDensity, Energy or LogPartition
        A finished training; what `fit_wells` or `fit_network` returned; an energy that is to be sampled (with
        `sampler`); or an estimate
        of log Z.
    X : array-like of shape (n_samples, n_features), optional
        The training data. Needed for a fit; with an energy, the step size is compared with it.
    sampler : Sampler, optional
        With an energy: what is to run.
    x0 : array-like of shape (n_chains, n_features), optional
        With an energy: where the chains start; without, only what needs no run is checked.
    n_steps : int, default 30
        With an energy: how long the chains are to run.
    X_val : array-like of shape (n, n_features), optional
        Held-out data: shows memorisation.
    seed : None, int, SeedSequence or Generator, default 0
        Seeds the chains of the checks.

    Returns
    -------
    Diagnosis
        A list of Diagnostic, the most serious first; empty if no check objects. Each has ``code``, ``value``,
        ``threshold``, ``meaning``, ``advice`` and ``severity``. Its ``not_checked`` says what could not be looked at.

    Raises
    ------
    ValueError, TypeError
        If the subject is something else or an argument does not fit it.

    Notes
    -----
    `ContrastiveDivergence.fit` calls this with its training data and keeps the list as ``result.warnings``. The
    codes: gradient, noisy_energy, block_dependent, no_mass, temperature, measured_temperature, too_few_steps,
    mode_imbalance, mode_weights_not_identified, divergence, acceptance, edge, step_too_big, global_box, local_optimum,
    under_training, learning_rate, score_error, penalty, drift, biased_chains, at_bound, energy_gap, weights, scale,
    narrow_mode, wide_mode, too_few_modes, memorisation, outliers, duplicates, few_values, log_z_untrusted,
    network_not_better; of columns with ``preprocess=``: constant_column, duplicate_column, rounded, zeros, atom; and
    for energies with more parameters than can be looked at one by one: statistics, stuck_chains, saturated.

    Examples
    --------
    >>> import fastebm as fe
    >>> cold = fe.SGLD(0.055, noise_std=0.085)
    >>> [d.code for d in fe.diagnose(fe.WellMixture(), sampler=cold)]
    ['temperature']
    """
    return _look(subject, X, sampler, x0, n_steps, X_val, seed)


def after_fit(result, x: np.ndarray, held_out=None) -> tuple[list[Diagnostic], list[str]]:
    """What a fit keeps on its result, which knows nothing of a `Diagnosis`.

    Parameters
    ----------
    result : TrainingResult, ScoreResult or ScaledWells
    x : ndarray of shape (n_samples, n_features)
        The rows, checked by the fit; standardised ones for ScaledWells.
    held_out : ndarray of shape (n, n_features), optional
        Held-out rows that the fit was given.
    """
    found = _of_fit(result, x, 0)
    if held_out is not None:
        found = _with_held_out(found, result.energy, x, held_out, population.noise_of(result))
    return list(found), found.not_checked


@singledispatch
def _of_fit(result, x, seed) -> Diagnosis:
    """What the checks of a fit find, on checked rows."""
    return Diagnosis()


@singledispatch
def _look(subject, X, sampler, x0, n_steps, X_val, seed):
    raise TypeError(
        "subject must be a TrainingResult, a ScoreResult, ScaledWells, a ScaledNetwork, a PreparedDensity, an "
        f"Energy or a LogPartition, got {describe(subject)}"
    )


@_look.register
def _(subject: LogPartition, X, sampler, x0, n_steps, X_val, seed):
    return Diagnosis(partition.untrusted(subject))


@_look.register
def _(subject: TrainingResult, X, sampler, x0, n_steps, X_val, seed):
    if X is None:
        raise ValueError("diagnose(result, X) needs X, the data it was trained on")
    x, held_out = _data(subject.energy, X, X_val)
    return _with_held_out(
        _of_fit(subject, x, seed), subject.energy, x, held_out, population.noise_of(subject)
    )


@_look.register
def _(subject: ScoreResult, X, sampler, x0, n_steps, X_val, seed):
    if X is None:
        raise ValueError("diagnose(result, X) needs X, the data it was trained on")
    x, held_out = _data(subject.energy, X, X_val)
    return _with_held_out(_of_fit(subject, x, seed), subject.energy, x, held_out)


@_look.register
def _(subject: ScaledWells, X, sampler, x0, n_steps, X_val, seed):
    if X is None:
        raise ValueError("diagnose(fit, X) needs X, the data it was fitted to")
    x, held_out = _data(subject.wells, X, X_val)
    z = (x - subject.offset) / subject.scale
    if held_out is not None:
        held_out = (held_out - subject.offset) / subject.scale
    return _with_held_out(_of_fit(subject, z, seed), subject.wells, z, held_out)


@_look.register
def _(subject: ScaledNetwork, X, sampler, x0, n_steps, X_val, seed):
    if X is None:
        raise ValueError("diagnose(fit, X) needs X, the data it was fitted to")
    x, held_out = _data(subject.network, X, X_val)
    z = (x - subject.offset) / subject.scale
    if held_out is not None:
        held_out = (held_out - subject.offset) / subject.scale
    return _with_held_out(_of_fit(subject, z, seed), subject.network, z, held_out)


@_look.register
def _(subject: PreparedDensity, X, sampler, x0, n_steps, X_val, seed):
    if X is None:
        raise ValueError("diagnose(fit, X) needs X, the data it was fitted to")
    preparation = subject.preparation
    # As the fit saw them: values of a grid with noise, or their ties would pass for narrow modes.
    noise = seed_sequence(seed).spawn(2)
    z, z_val = (
        None if x is None else preparation._transformed(preparation._noised(x, stream))
        for x, stream in zip(_data(subject, X, X_val), noise, strict=True)
    )
    inner = _look(subject.inner, z, sampler, x0, n_steps, z_val, seed)
    return Diagnosis(prepared.of_columns(preparation) + list(inner), inner.not_checked)


@_look.register
def _(subject: Energy, X, sampler, x0, n_steps, X_val, seed):
    energy = as_energy(subject, "subject")
    x, held_out = _data(energy, X, X_val)
    return _with_held_out(_run(energy, x, sampler, x0, n_steps, seed), energy, x, held_out)


def _data(energy, X, X_val):
    if X_val is not None and X is None:
        raise ValueError("X_val needs X, the training data, to compare with")
    x = None if X is None else samples(X, energy.n_features)[0]
    return x, None if X_val is None else samples(X_val, energy.n_features, "X_val")[0]


def _with_held_out(found, energy, x, held_out, noise=None):
    """What held-out rows add; the noise of training is added to them and to the others."""
    if held_out is None:
        return found
    if noise is not None:
        x, held_out = noise(x, 1), noise(held_out, 2)
    skipped = [s for s in found.not_checked if s not in modes.unknown(None)]
    return Diagnosis(found + training.memorisation(energy, x, held_out), skipped)


@_of_fit.register
def _of_wells(result: ScaledWells, x, seed):
    wells = result.wells
    rng = np.random.default_rng(seed_sequence(seed))
    found = training.data(x, rng)
    if result.candidates is not None:
        found = (
            modes.at_narrowest(wells) + found + training.few_values(x, result.names) + training.repeated(x)
        )
    # Wells that unseen rows chose are no optimum of the likelihood of these.
    known = None if result.candidates is not None else examine(wells, x, searched=result.n_init >= STARTS)
    if result.degrees_of_freedom_ is not None:
        # Heavy tails bear them.
        found = [d for d in found if d.code != "outliers"]
    short = [] if known is None else arrival.stopped_early(known)
    return Diagnosis(
        _dearest_first(short, wells, x, known) + found,
        modes.unknown(known) if result.candidates is None else [],
    )


@_of_fit.register
def _of_network(result: ScaledNetwork, x, seed):
    # Where the wells are taken, the training of the network matters to nobody.
    seen: Any = result.training if result.better else result.wells
    return Diagnosis(density.of_network(result) + density.that_matter(seen), seen.not_checked)


@_of_fit.register
def _of_prepared(result: PreparedDensity, x, seed):
    # The density of z was checked when it was fitted.
    found = prepared.of_columns(result.preparation) + list(result.inner.warnings)
    return Diagnosis(found, result.inner.not_checked)


@_of_fit.register
def _of_scores(result: ScoreResult, x, seed):
    return scores.checks(result, x, np.random.default_rng(seed_sequence(seed)))


def _harmless(d, sampler):
    """Can it only do harm to a fit, of which exact likelihood says that no harm was done?"""
    # Steps that overshoot slow an adjusted sampler down. A parameter beyond the range in which it acts does nothing.
    return (d.code == "divergence" and sampler.adjusted) or (
        d.code == "at_bound" and training.BEYOND in d.meaning
    )


def _dearest_first(short, energy, x, known):
    """What exact likelihood finds, all of it in nats a row: the dearest comes before what may follow from it."""
    if known is not None:
        short = short + modes.number(energy, x, known) + modes.limited(known, x) + arrival.elsewhere(known)
    return sorted(short, key=lambda d: -d.value)


@_of_fit.register
def _of_training(result: TrainingResult, x, seed):
    rng = np.random.default_rng(seed_sequence(seed))
    sampler = result.sampler
    found = temperature.before(sampler) + training.data(x, rng)
    x, skipped = population.as_seen(result, x)
    found += training.scale(result.energy, x)
    found += mixing.step_too_big(result.energy, sampler, x, rng)
    if not result.settings:
        return Diagnosis(found, ["the training: the result holds no settings"])
    found += (
        training.at_bound(result)
        + training.weights(result)
        + mixing.global_box(result.global_move, x, result.energy)
    )
    try:
        # Held-out rows chose theta, and not the likelihood of these rows.
        known = examine(result.energy, x) if result.best_update is None else None
        chains = population.from_result(result, rng)
        if chains is None:
            skipped.append("the chains: " + population.why_none(result))
        else:
            rate = result.acceptance_rate
            found += mixing.divergence(chains.energy, sampler, chains.negatives, rng, rate, trained=True)
            found += _of_chains(chains, weighted=result.settings["weighting"] == "jarzynski")
            found += training.energy_gap(result, chains)
        if result.best_update is None:
            short, unknown = arrival.arrived(result, x, chains, known, rng)
        else:
            short, unknown = [], ["distance from the optimum: X_val chose where to stop"]
        if chains is not None and known is None and result.energy.n_params > arrival.MOST_PARAMS:
            found += large.statistics(chains, x) + large.stuck(chains)
        found += large.saturated(result.energy, x)
        skipped += unknown + modes.unknown(known)
        if known is not None and known.gain < arrival.SHORT:
            found = [d for d in found if not _harmless(d, sampler)]
        return Diagnosis(_dearest_first(short, result.energy, x, known) + found, skipped)
    except NonFiniteError as error:
        found.append(_diverged(error))
        skipped.append("what comes after a value that is not finite")
    return Diagnosis(found, skipped)


def _run(energy, x, sampler, x0, n_steps, seed):
    if sampler is None and x0 is None:
        return Diagnosis()
    as_sampler(sampler).check(energy)
    rng = np.random.default_rng(seed_sequence(seed))
    found = temperature.before(sampler)
    if x is not None:
        found += mixing.step_too_big(energy, sampler, x, rng)
    if x0 is None:
        return Diagnosis(found, ["the chains and the gradient: no x0 was given"])
    start = samples(x0, energy.n_features, "x0")[0]
    steps = integer(n_steps, "n_steps", 1)
    found += mixing.global_box(sampler, start, energy)
    wrong, skipped = energies.sound(energy, sampler, start, np.random.default_rng(seed_sequence(seed)))
    if wrong:
        # What chains of such an energy do says nothing of the sampler.
        return Diagnosis(found + wrong, [*skipped, "the chains: first put the energy right"])
    try:
        rate = sampler.run(energy, start, steps, seed=rng).acceptance_rate
        # Curvature where the chains begin: where they end, a diverging run shows nothing of the wells.
        found += mixing.divergence(energy, sampler, start, rng, rate)
        found += _of_chains(
            population.from_chains(energy, sampler, None, start, steps, 0, rng, life=None, fresh=0.0)
        )
    except NonFiniteError as error:
        found.append(_diverged(error))
    return Diagnosis(found, skipped)


def _of_chains(chains, weighted=False):
    found = temperature.after(chains) + mixing.too_few_steps(chains)
    imbalance = mixing.mode_imbalance(chains)
    # Weights stand in for crossings.
    return (
        found
        + [d for d in imbalance if not (weighted and d.code == "mode_weights_not_identified")]
        + mixing.edge(chains)
    )


def _diverged(error) -> Diagnostic:
    return Diagnostic(
        "divergence",
        float("inf"),
        mixing.UNSTABLE,
        f"the chains leave the range of numbers when they run on ({error})",
        "use a smaller step_size",
        "error",
    )
