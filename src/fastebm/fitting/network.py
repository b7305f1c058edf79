"""A network fitted to rows in any units, and the wells where it is not better. Knows no scikit-learn."""

from __future__ import annotations

import time
import warnings
from dataclasses import replace

import numpy as np

from .._runtime.check import choice, describe, integer, real, rows, samples
from .._runtime.errors import FastEBMWarning
from .._runtime.seed import seed_sequence
from ..energies.base import Energy, as_energy
from ..energies.gaussian import Gaussian
from ..energies.network import NetworkEnergy
from ..partition.certificate import Certificate, certificate
from ..partition.log_partition import log_partition
from ..samplers.mala import MALA
from ..training.after_fit import _level_of_caller, check_strict, conclude
from ..training.contrastive import ContrastiveDivergence
from ..training.recipes import GLOBAL_MOVE_FEATURES, default_step_size
from .scaled_network import ScaledNetwork, annealing_start
from .scaled_wells import fit_rows
from .standardise import standardise
from .yardstick import best_wells

# Quadrature in up to two features: nats that nobody will miss, and that float32 can give.
RTOL = 1e-3
BASES = ("auto", "gaussian", "wells")
# Fewer rows than this tell nothing about what a network would do on others.
FEWEST_ROWS, FEWEST_HELD_OUT = 100, 20
# Standard errors by which a network must beat the wells.
CLEARLY = 2.0
# Widths of the two hidden layers: with few rows, usually, and from so many features on.
FEW_ROWS, MANY_FEATURES, WIDTHS = 1000, 16, (64, 128, 256)
UPDATES, CHAINS, BATCH, RATE = 4000, 256, 256, 3e-3
# An evaluation is a fortieth of the run; moons are likeliest after nine tenths of it.
EMA, HOLD, PATIENCE = 0.995, 0.5, 16
STEPS, MANY_STEPS = 5, 8
# Where rows are few for the number of features. On 8 x 8 images it is worth 1 nat (a network of 64-256-256-1).
L2 = 0.003
# Updates of the run that finds the step size. After 80 a ring is still so smooth that the step came out far too long:
# 0.17 of the moves of the run itself were accepted.
PILOT_UPDATES = 400
# What it aims at: acceptance falls by some hundredths until the end of training.
ACCEPTANCE, ROUNDS = 0.85, 16


def fit_network(
    X,
    energy=None,
    *,
    hidden="auto",
    base="auto",
    X_val=None,
    validation=0.2,
    n_updates=None,
    n_chains=None,
    learning_rate=None,
    max_seconds=None,
    seed=None,
    progress=False,
    names=None,
    diagnose=True,
    strict=False,
) -> ScaledNetwork:
    """Fit a network to X in any units, certify it on held-out rows, and keep wells where they are as good.

    The rows are standardised. A network begins at its base, is trained by contrastive divergence (Adam, MALA, chains
    that persist), and ends where the first half of the held-out rows was likeliest.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        At least 100 rows; no feature constant.
    energy : Energy, optional
        One to be trained in place of a network that is made here: with parameters, and in the units of X, which is then
        not standardised. It is compared with no wells.
    hidden : sequence of int or "auto", default "auto"
        Widths of the hidden layers; "auto" is two of 128, of 64 below 1,000 rows, of 256 from 16 features on.
    base : {"auto", "gaussian", "wells"} or Energy, default "auto"
        What the network tilts: a full normal law, which is what "auto" takes, or the wells, diagonal or full ones, that
        are likeliest on the held-out rows. An energy is one on standardised data.
    X_val : array-like of shape (n, n_features), optional
        Rows to hold out, at least 20, in place of a share of X.
    validation : float, default 0.2
        Share of X that is held out, drawn by seed.
    n_updates, n_chains, learning_rate : int, int, float, optional
        Of `ContrastiveDivergence`; by default 4,000 updates (fewer where held-out rows stop getting likelier), 256
        chains and 0.003, constant for one half and falling to 0 over the other.
    max_seconds : float, optional
        Stop training after so long. The result then depends on the speed of the machine.
    seed : None, int, SeedSequence or Generator
        The same seed gives the same bytes for any number of threads (unless max_seconds stops training).
    progress : bool, default False
        Show progress bars (needs tqdm).
    names : sequence of str, optional
        Names of the features, for messages.
    diagnose : bool, default True
        Run the checks of `fastebm.diagnose` and keep on the result what they say.
    strict : bool, default False
        Raise UntrustedFitError where the checks have any warning.

    Returns
    -------
    ScaledNetwork
        A density as `fit_wells` returns it, with the certificate (``held_out``) and the wells (``wells``). Where the
        network is not better than the wells by two standard errors, or its log Z cannot be trusted, the density is that
        of the wells (``better`` is False), and a `FastEBMWarning` says so.

    Raises
    ------
    ValueError, TypeError
        If X or an argument is out of range, or energy has no parameters.
    TrainingError
        If training meets a value that is not finite.
    TrainingInterrupted
        On Ctrl-C during training.
    UntrustedFitError
        With strict=True, if there are warnings. It carries the fit.

    Notes
    -----
    Every second held-out row helps to choose the wells and where training stops. What is certified, and compared, is
    the log-likelihood of the others, which no choice has seen.

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> t = np.random.default_rng(0).uniform(0, np.pi, 600)
    >>> arc = 100 * np.c_[np.cos(t), np.sin(t)] + np.random.default_rng(1).normal(0, 8, (600, 2))
    >>> fit = fe.fit_network(arc, hidden=(32,), n_updates=300, seed=0, diagnose=False)
    >>> fit.score_samples(arc[:3]).shape, fit.sample(5, seed=1).shape
    ((3,), (5, 2))
    """
    check_strict(strict, diagnose)
    x = rows(X)
    held_out = None if X_val is None else samples(X_val, x.shape[1], "X_val")[0]
    return fit_network_rows(
        x,
        energy,
        hidden=hidden,
        base=base,
        x_val=held_out,
        validation=validation,
        n_updates=n_updates,
        n_chains=n_chains,
        learning_rate=learning_rate,
        max_seconds=max_seconds,
        seed=seed,
        progress=progress,
        names=names,
        diagnose=diagnose,
        strict=strict,
    )


def fit_network_rows(
    x,
    energy,
    *,
    hidden,
    base,
    x_val,
    validation,
    n_updates,
    n_chains,
    learning_rate,
    max_seconds,
    seed,
    progress=False,
    names=None,
    diagnose=True,
    strict=False,
    against=None,
):
    """As `fit_network`, on checked rows; with against, (a fit of all rows, log p of x_val by one without them), no
    other wells are looked for, and nothing is said where the network is not better."""
    widths = _checked(energy, hidden, base, x.shape[1])
    limit = None if max_seconds is None else real(max_seconds, "max_seconds", above=0)
    updates = UPDATES if n_updates is None else integer(n_updates, "n_updates", 1)
    seeds = seed_sequence(seed).spawn(7)
    train, held = _split(x, x_val, validation, seeds[0])
    named = None if names is None else tuple(map(str, names))
    if energy is None:
        offset, scale = standardise(train, names)
    else:
        offset, scale = np.zeros(x.shape[1]), np.ones(x.shape[1])
    z, z_val = (train - offset) / scale, (held - offset) / scale
    # Every second row is for choices, the others for judgement: judged by the rows that chose the best of 40
    # evaluations, a network beat one normal law by two standard errors where that was the truth; so, in 0 of 20 fits.
    steer, z_val = z_val[::2], z_val[1::2]
    wells = None if energy is not None or against is not None else best_wells(z, steer, seeds[1])
    if energy is None:
        energy = _network(z, widths, base, wells, seeds[2])
    trainer = _trainer(energy, z, updates, n_chains, learning_rate)
    trainer = trainer.replace(sampler=_sampler(trainer, z, seeds[3]))
    training = trainer._fit(
        z,
        False,
        seeds[4],
        progress,
        _until(limit),
        diagnose=diagnose,
        heard=False,
        held_out=(steer, PATIENCE, None),
    )
    if training.thinned is not None:
        # The path of so many weights would be 100 MB in a file; its end is enough.
        training = replace(training, thinned=tuple(part[-1:] for part in training.thinned))
    chains = np.reshape(training.buffer.states, (-1, z.shape[1]))
    certified = _certified(training.energy, z_val, chains, seeds[5], progress)
    jacobian = float(np.log(scale).sum())
    facts = {
        "n_rows": len(z_val),
        "lower": certified.lower - jacobian,
        "upper": certified.upper - jacobian,
        "standard_error": certified.standard_error,
    }
    better, refitted = True, None
    if wells is not None or against is not None:
        wells_log_p = wells.log_prob(z_val) if against is None else against[1][1::2] + jacobian
        difference = certified.compare(wells_log_p)
        facts |= {
            "wells": float(wells_log_p.mean()) - jacobian,
            "gain": difference.lower,
            "gain_error": difference.standard_error,
        }
        better = certified.trusted and difference.lower > CLEARLY * difference.standard_error
        refitted = _refitted(x, wells, names, seeds[6], diagnose) if against is None else against[0]
    fit = ScaledNetwork(
        training.energy,
        offset,
        scale,
        certified.estimate,
        training,
        refitted,
        bool(better),
        facts,
        named,
    )
    # The wells of the density have seen these rows, but were scored by some that had not.
    scores = np.sort(fit._log_prob(scale * z_val + offset)) if better else refitted.held_out_scores
    fit = replace(fit, held_out_scores=scores)
    conclude(fit, z, diagnose, strict)
    if not better and against is None:
        warnings.warn("; ".join(why_wells(fit)), FastEBMWarning, stacklevel=_level_of_caller())
    return fit


def _certified(energy, z_val, chains, seed, progress) -> Certificate:
    if energy.n_features <= 2 and not energy.has_log_partition:
        estimate = log_partition(energy, "quadrature", X=np.concatenate([z_val, chains]), rtol=RTOL)
        if estimate.trusted:
            return Certificate(estimate, energy._energy_with_walls(z_val))
    exact = energy.has_log_partition or energy.has_exact_sample
    base = None if exact else annealing_start(energy, chains)
    return certificate(
        energy, z_val, chains=None if exact else chains, base=base, seed=seed, progress=progress
    )


def why_wells(fit: ScaledNetwork) -> tuple[str, str]:
    """Why the density is that of the wells, and what to do."""
    facts, doubt = fit.held_out, fit.estimate.doubt
    if doubt is not None:
        said = f"the log Z of the network is not to be trusted ({doubt[0]})"
    else:
        said = (
            f"the network is better than {fit.wells.n_wells} wells by {facts['gain']:.3g} +- {facts['gain_error']:.2g} "
            f"nats a row at least on the {facts['n_rows']} held-out rows, less than {CLEARLY:g} standard errors"
        )
    return (
        f"{said}, so the density is that of the wells",
        "use more rows, more n_updates or wider hidden layers",
    )


def _checked(energy, hidden, base, n_features):
    if energy is not None:
        if as_energy(energy).n_features != n_features:
            raise ValueError(f"energy has n_features={energy.n_features}, but X has {n_features}")
        if hidden != "auto" or base != "auto":
            raise ValueError(
                "hidden and base describe a network that is made here; leave them out with energy="
            )
        if getattr(energy, "base", energy) is None:
            raise ValueError(
                "energy is a network without a base, which has no density; give it one, as fastebm.Gaussian.fit(X)"
            )
        return None
    if isinstance(base, str) or base is None:
        choice(base, "base", BASES)
    elif not (as_energy(base, "base").has_log_partition and base.has_exact_sample):
        raise ValueError(f"base must know its log Z and have an exact sampler, got {describe(base)}")
    if isinstance(hidden, str):
        choice(hidden, "hidden", ("auto",))
        return None
    widths = (hidden,) if isinstance(hidden, int) else hidden
    if not isinstance(widths, (list, tuple)) or not widths:
        raise ValueError(f"hidden must be a sequence of at least one width or 'auto', got {describe(hidden)}")
    return tuple(integer(w, "hidden", 1) for w in widths)


def _split(x, x_val, validation, seed):
    """Rows to train on, and rows held out."""
    share = real(validation, "validation", above=0, below=1)
    if len(x) < FEWEST_ROWS:
        raise ValueError(
            f"a network needs at least {FEWEST_ROWS} rows, got {len(x)}; fit_wells (model='wells') does with two"
        )
    if x_val is not None:
        if len(x_val) < FEWEST_HELD_OUT:
            raise ValueError(f"X_val must hold at least {FEWEST_HELD_OUT} rows, got {len(x_val)}")
        return x, x_val
    n = round(share * len(x))
    if n < FEWEST_HELD_OUT or len(x) - n < FEWEST_HELD_OUT:
        raise ValueError(
            f"validation={share:g} of {len(x)} rows leaves {n} held out and {len(x) - n} to train on, and each must be "
            f"{FEWEST_HELD_OUT} at least"
        )
    order = np.random.default_rng(seed).permutation(len(x))
    return x[np.sort(order[n:])], x[np.sort(order[:n])]


def _network(z, widths, base, wells, seed) -> Energy:
    n, d = z.shape
    if widths is None:
        width = WIDTHS[2] if d >= MANY_FEATURES else WIDTHS[0 if n < FEW_ROWS else 1]
        widths = (width, width)
    if isinstance(base, str):
        # Two moons, 2,000 rows, lead over the best wells (16) on 20,000 fresh ones: 0.023 nats a row from a normal law,
        # 0.002 from those wells.
        base = wells if base == "wells" else Gaussian.fit(z, ridge=1e-6)
    return NetworkEnergy.mlp(d, widths, base=base, loc=0.0, scale=1.0, seed=seed)


def _trainer(energy, z, n_updates, n_chains, learning_rate):
    n, d = z.shape
    return ContrastiveDivergence(
        energy,
        n_updates=n_updates,
        n_steps=STEPS if d <= GLOBAL_MOVE_FEATURES else MANY_STEPS,
        batch_size=min(BATCH, n),
        n_chains=CHAINS if n_chains is None else n_chains,
        learning_rate=RATE if learning_rate is None else learning_rate,
        optimizer="adam",
        schedule="linear",
        hold=HOLD,
        ema=EMA,
        l2=L2 if d > GLOBAL_MOVE_FEATURES else 0.0,
        global_move="auto" if d <= GLOBAL_MOVE_FEATURES else None,
        trace_theta=False,
    )


def _sampler(trainer, z, seed):
    """MALA with a step size that suits the energy after a short run."""
    first, stream = seed.spawn(2)
    step = default_step_size(z, 2, np.random.default_rng(first))
    n = min(PILOT_UPDATES, trainer.n_updates)
    short = trainer.replace(sampler=MALA(step), n_updates=n, schedule="constant", hold=0.0)
    run, on = stream.spawn(2)
    result = short._fit(z, False, run, diagnose=False)
    x = np.reshape(result.buffer.states, (-1, z.shape[1]))
    logs = []
    for i, own in enumerate(on.spawn(ROUNDS)):
        moved = MALA(step).run(result.energy, x, 4, seed=own)
        x = moved.x
        step *= float(np.exp(1.5 * (moved.acceptance_rate - ACCEPTANCE)))
        logs += [np.log(step)] * (i >= ROUNDS // 2)
    return MALA(float(np.exp(np.mean(logs))))


def _until(seconds):
    if seconds is None:
        return None
    end = time.monotonic() + seconds
    return lambda state: time.monotonic() > end


def _refitted(x, wells, names, seed, diagnose):
    """As many wells of the same kind, of all rows."""
    return fit_rows(
        x,
        wells.n_wells,
        recipe="em",
        n_updates=0,
        n_chains=None,
        learning_rate=None,
        n_init="auto",
        covariance=wells.covariance,
        seed=seed,
        names=names,
        diagnose=diagnose,
    )
