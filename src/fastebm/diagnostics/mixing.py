"""Do the chains follow the model: enough steps, modes in proportion, a stable step, away from the box's edge?"""

from __future__ import annotations

import numpy as np

from ..energies.base import Energy
from ..energies.normals import principal_scales
from ..mixtures.kmeans import group_mixture
from ..samplers.base import Sampler
from ..training.recipes import local_variance
from . import advice
from .diagnostic import Diagnostic
from .population import ENOUGH_CHAINS, ROUNDS, Population
from .temperature import noise_variance
from .traces import nearest

MAX_Z = 5.0
# Energy that further steps may still lose, in nats.
MAX_DROP = 0.1
# Relaxation times that a fresh chain should get.
RELAXATIONS = 3.0
MIN_CROSSINGS = 10.0
# A mode with less mass than this is not a mode that chains must find.
SMALL = 0.01
# Largest step size times curvature: Langevin steps overshoot above 1 and diverge above 2.
OVERSHOOT, UNSTABLE = 1.0, 2.0
ACCEPT_WARN, ACCEPT_ERROR = 0.4, 0.1
EDGE_WARN, EDGE_ERROR = 1e-3, 1e-2
OUTSIDE = 1e-4
# Distance of two groups of chains, in spreads of a group along it, from which they may be modes.
APART = 4.0
# Share of the rows that the box of a global move may leave out.
MISSED_ROWS = 0.01


def too_few_steps(population: Population) -> list[Diagnostic]:
    """Do the same chains lose energy when they run ten times longer? And do fresh ones have time to relax?"""
    energy = population.energy
    drop = energy.energy(population.negatives) - energy.energy(population.extended)
    z, mean = population.z(drop), float(drop.mean())
    if z > MAX_Z and mean > MAX_DROP:
        return [
            Diagnostic(
                "too_few_steps",
                z,
                MAX_Z,
                f"{ROUNDS} times as many steps lower the chains' mean energy by {mean:.3g} nats (z = {z:.1f}): they "
                f"had not "
                "arrived when they were used",
                advice.to_arrive(population),
            )
        ]
    if population.settings is None and z < -MAX_Z and mean < -MAX_DROP:
        return [
            Diagnostic(
                "too_few_steps",
                -z,
                MAX_Z,
                f"{ROUNDS} times as many steps raise the chains' mean energy by {-mean:.3g} nats (z = {-z:.1f}): they "
                "started at the modes and had not spread over the density when they were used",
                advice.to_arrive(population),
            )
        ]
    relaxations = population.n_steps * _slowest_rate(population)
    if population.fresh > 0 and relaxations < RELAXATIONS:
        return [
            Diagnostic(
                "too_few_steps",
                relaxations,
                RELAXATIONS,
                f"{100 * population.fresh:.0f} % of the chains start afresh, and {population.n_steps} steps are only "
                f"{relaxations:.2g} relaxation times of the widest well",
                advice.to_arrive(population),
            )
        ]
    return []


def _slowest_rate(population: Population) -> float:
    """step_size times the smallest curvature at a mode."""
    energy, sampler = population.energy, population.sampler
    h = sampler.langevin_step
    if h is None:
        return np.inf
    scales, shares = principal_scales(energy), energy.mode_shares
    if scales is not None and shares is not None:
        large = shares > SMALL
        return h / float(scales[large].max() ** 2 if large.any() else scales.max() ** 2)
    return h / max(float(population.extended.var(axis=0).max()), 1e-300)


def mode_imbalance(population: Population) -> list[Diagnostic]:
    """Compare the chains' share of each mode with the model's mass there.

    The mass is exact for an energy that knows its modes; for others in one or two features it comes from a grid, with
    the modes told apart by two k-means centres. In more features only crossings are counted.
    """
    shares, masses = _modes(population)
    if shares is None:
        return []
    share = shares(population.negatives)
    found = []
    n = population.n_groups
    if masses is not None:
        means = population.group_mean(share)
        # All chains in one mode show no spread: the model's own is a floor under it.
        error = np.sqrt(np.maximum(means.var(axis=0), masses * (1.0 - masses)) / n + 1e-12)
        z = (means.mean(axis=0) - masses) / error
        j = int(np.abs(z).argmax())
        if abs(z[j]) > MAX_Z:
            found.append(
                Diagnostic(
                    "mode_imbalance",
                    float(z[j]),
                    float(np.sign(z[j])) * MAX_Z,
                    f"mode {j + 1} holds {100 * means[:, j].mean():.1f} % of the chains but {100 * masses[j]:.1f} % "
                    f"of the model "
                    f"(z = {z[j]:.1f}): the fitted mode weights cannot be trusted",
                    advice.to_change_modes(population),
                )
            )
    if population.life is None:
        return found
    rounds, n_chains, n_features = population.path.shape
    labels = shares(population.path.reshape(-1, n_features)).argmax(axis=1).reshape(rounds, n_chains)
    used = np.bincount(labels[-1], minlength=share.shape[1]) / labels.shape[1]
    crossings = float((labels[1:] != labels[:-1]).sum()) / labels.shape[1] / ROUNDS * population.life
    if (used > SMALL).sum() > 1 and crossings < MIN_CROSSINGS:
        found.append(
            Diagnostic(
                "mode_weights_not_identified",
                crossings,
                MIN_CROSSINGS,
                f"a chain changes its mode about {crossings:.2g} times in its life: the chains cannot tell how much "
                f"mass each "
                "mode should have",
                advice.to_change_modes(population, crossings, MIN_CROSSINGS),
            )
        )
    return found


def _modes(population: Population):
    """(function that gives the share of each mode at states, mass of each mode), each None where it is not known."""
    energy = population.energy
    if energy.modes is not None:
        return (energy.shares, energy.mode_shares) if len(energy.modes) > 1 else (None, None)
    x = population.extended
    centres = group_mixture(x, n_groups(energy), np.random.default_rng(0))[1]
    if len(centres) < 2:
        return None, None

    def shares(states):
        return np.eye(len(centres))[nearest(states, centres)]

    if energy.n_features > 2:
        return (shares, None) if _apart(x, centres) else (None, None)
    pad = x.std(axis=0) + 1e-9
    n = 4001 if energy.n_features == 1 else 161
    axes = [np.linspace(a, b, n) for a, b in zip(x.min(axis=0) - pad, x.max(axis=0) + pad, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, energy.n_features)
    logs = -energy.energy(grid)
    weights = np.exp(logs - logs.max())
    return shares, np.bincount(nearest(grid, centres), weights, minlength=len(centres)) / weights.sum()


def _apart(x: np.ndarray, centres: np.ndarray) -> bool:
    """Are two groups more than the halves of one cloud? Those of a normal law are 2.7 of their spreads apart."""
    line = centres[1] - centres[0]
    along, near = x @ line, nearest(x, centres)
    within = np.sqrt(np.mean([along[near == j].var() for j in (0, 1) if (near == j).any()]))
    return bool(line @ line > APART * within)


def n_groups(energy: Energy) -> int:
    """Into how many groups data are to be split to see the modes: two where nothing is known."""
    return 2 if energy.modes is None else len(energy.modes)


def largest_curvature(energy: Energy, x: np.ndarray, rng: np.random.Generator) -> float:
    """Largest eigenvalue of the Hessian in x over at most 256 states, by eight rounds of power iteration; at least 0.

    Only a positive curvature makes steps unstable; the strongly negative one on a barrier does not. A state whose
    eigenvalue of largest size is negative is passed over.
    """
    x = x[rng.permutation(len(x))[:256]]
    v = rng.standard_normal(x.shape)
    step = 1e-5 * (1.0 + np.abs(x).max())
    top = 0.0
    for _ in range(8 if x.shape[1] > 1 else 1):
        v /= np.sqrt((v**2).sum(axis=1, keepdims=True))
        product = (energy.grad(x + step * v) - energy.grad(x - step * v)).reshape(x.shape) / (2.0 * step)
        top = max(0.0, float((v * product).sum(axis=1).max()))
        v = np.where((product != 0).any(axis=1, keepdims=True), product, v)
    return top


def divergence(
    energy: Energy, sampler: Sampler, x: np.ndarray, rng, acceptance_rate=None, *, trained=False
) -> list[Diagnostic]:
    """Is the step stable where the chains and the wells are?"""
    found = []
    h, adjusted = sampler.langevin_step, sampler.adjusted
    if h is not None:
        value = h * largest_curvature(energy, x, rng)
        limit = UNSTABLE if adjusted else OVERSHOOT
        if value > limit:
            bad = value > UNSTABLE and not adjusted
            effect = (
                "Langevin steps diverge there"
                if bad
                else "nearly every proposal there is rejected"
                if adjusted
                else "Langevin steps overshoot and the sampled law is far from the target"
            )
            found.append(
                Diagnostic(
                    "divergence",
                    value,
                    UNSTABLE if bad else limit,
                    f"step_size times the largest curvature of the energy is {value:.3g}: {effect}",
                    f"use step_size below {sampler.step_size_of(0.5 * h / value):.2g}"
                    + (
                        ", or tighter theta_bounds on the wells' width"
                        if trained and energy.modes is not None
                        else ""
                    ),
                    "error" if bad else "warning",
                )
            )
    # Moves without a step size, which propose from afar, are useful at any rate.
    if adjusted and h is not None and acceptance_rate is not None and acceptance_rate < ACCEPT_WARN:
        bad = acceptance_rate < ACCEPT_ERROR
        found.append(
            Diagnostic(
                "acceptance",
                acceptance_rate,
                ACCEPT_ERROR if bad else ACCEPT_WARN,
                f"only {100 * acceptance_rate:.1f} % of the proposals were accepted: the chains hardly move",
                "use a smaller step_size",
                "error" if bad else "warning",
            )
        )
    return found


def edge(population: Population) -> list[Diagnostic]:
    """Are chains at the bounds, or does the model reach beyond them?"""
    bounds = population.sampler.bounds
    if bounds is None:
        return []
    low, high = bounds
    x = population.negatives
    share = float(((x <= low) | (x >= high)).any(axis=1).mean())
    if share > EDGE_WARN:
        bad = share > EDGE_ERROR
        return [
            Diagnostic(
                "edge",
                share,
                EDGE_ERROR if bad else EDGE_WARN,
                f"{100 * share:.2g} % of the chains are at the bounds ({low:g}, {high:g}): the box holds up the "
                f"density, or the "
                "step is unstable",
                "widen or remove bounds"
                + (
                    ""
                    if population.sampler.adjusted
                    else ", use a smaller step_size, or MALA, whose bounds reject"
                ),
                "error" if bad else "warning",
            )
        ]
    outside = _mass_outside(population.energy, low, high)
    if outside > OUTSIDE:
        return [
            Diagnostic(
                "edge",
                outside,
                OUTSIDE,
                f"{100 * outside:.2g} % of the model's mass is outside the bounds ({low:g}, {high:g}), where chains "
                f"never go: the "
                "energy there is not trained",
                "widen or remove bounds",
            )
        ]
    return []


def _mass_outside(energy: Energy, low: float, high: float) -> float:
    """Counted over exact samples; 0 where there are none."""
    if not energy.has_exact_sample:
        return 0.0
    x = energy.exact_sample(20 * ENOUGH_CHAINS, 0)
    return float(((x < low) | (x > high)).any(axis=1).mean())


def step_too_big(energy: Energy, sampler: Sampler, x: np.ndarray, rng) -> list[Diagnostic]:
    """Has a fit by Langevin steps of this size a fixed point? One well of variance v needs noise_std^2 < v."""
    value = noise_variance(sampler)
    if value is None:
        return []
    try:
        v = local_variance(x, n_groups(energy), rng, energy.mode_covariances is not None)
    except ValueError:
        return []
    if value <= v:
        return []
    return [
        Diagnostic(
            "step_too_big",
            value,
            v,
            f"one step's noise has variance {value:.3g}, more than the narrowest spread of the data ({v:.3g}): no "
            f"well is narrow "
            "enough to make such chains look like the data, so its curvature runs away",
            f"use step_size below {sampler.step_size_of(0.5 * v):.3g}, better {sampler.step_size_of(0.25 * v):.3g}, or "
            "MALA",
        )
    ]


def global_box(move: Sampler | None, x: np.ndarray, energy: Energy) -> list[Diagnostic]:
    """Do the proposals of a move reach the rows, and every mode that is known?"""
    if move is None or move.proposal_box is None:
        return []
    low, high = move.proposal_box
    outside = float(((x < low) | (x > high)).any(axis=1).mean())
    what = "of the rows lie"
    modes, shares = energy.modes, energy.mode_shares
    if modes is not None and shares is not None:
        mass = float(shares[((modes < low) | (modes > high)).any(axis=1)].sum())
        if mass > outside:
            outside, what = mass, "of the mass belongs to modes that lie"
    if outside <= MISSED_ROWS:
        return []
    return [
        Diagnostic(
            "global_box",
            outside,
            MISSED_ROWS,
            f"{100 * outside:.2g} % {what} outside the box of the proposals: they never bring a chain there",
            "use global_move='auto', or low and high that hold all rows and modes",
        )
    ]
