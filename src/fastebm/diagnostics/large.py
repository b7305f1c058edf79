"""Checks that mean something for an energy whose parameters are too many to be looked at one by one."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from ..energies.base import Energy
from .diagnostic import Diagnostic
from .population import ROUNDS, Population

# A feature differs where its mean is this share of the data's standard deviation away, or its variance this factor,
# and chance (over all features, once in a million) does not explain it.
MEAN_OFF, VARIANCE_OFF, CHANCE = 0.25, 1.5, 1e-6
# A chain stands still whose jump over the rounds is below this share of the median jump.
STILL = 1e-3
STUCK_WARN, STUCK_ERROR = 0.01, 0.1
# Share of the units of a layer whose slope is nearly zero at every row. A good fit of the moons had 0.73.
SATURATED_WARN, SATURATED_ERROR = 0.8, 0.9
# Rows whose activations are looked at.
ROWS = 1024


def statistics(population: Population, x: np.ndarray) -> list[Diagnostic]:
    """Have the chains the mean and the variance of the data, feature by feature?"""
    chains = population.negatives[: population.n_groups]
    n, m = len(chains), len(x)
    if n < 16 or m < 16:
        return []
    mean, var = x.mean(axis=0), x.var(axis=0)
    # Two statistics for each feature, on two sides.
    limit = -NormalDist().inv_cdf(CHANCE / (4 * x.shape[1]))
    spread = np.sqrt(np.where(var > 0, var, 1.0))
    shift = (chains.mean(axis=0) - mean) / spread
    z_mean = shift / np.sqrt(chains.var(axis=0) / spread**2 / n + 1.0 / m + 1e-300)
    ratio = np.log((chains.var(axis=0) + 1e-300) / np.where(var > 0, var, 1.0))
    # Of a log-variance: (kurtosis - 1) / n; the heavier of the two tails counts.
    kurtosis = np.maximum(_kurtosis(x), _kurtosis(chains))
    z_var = ratio / np.sqrt((kurtosis - 1.0) * (1.0 / n + 1.0 / m) + 1e-300)
    live = var > 0
    found = []
    for z, size, least, what in (
        (z_mean, shift, MEAN_OFF, "mean"),
        (z_var, ratio, np.log(VARIANCE_OFF), "variance"),
    ):
        bad = live & (np.abs(z) > limit) & (np.abs(size) > least)
        if not bad.any():
            continue
        d = int(np.where(bad, np.abs(z), 0.0).argmax())
        amount = (
            f"{size[d]:+.2g} standard deviations away"
            if what == "mean"
            else f"{np.exp(size[d]):.2g} times as large"
        )
        found.append(
            Diagnostic(
                "statistics",
                float(z[d]),
                float(np.sign(z[d]) * limit),
                f"the {what} of feature {d} is {amount} in the chains as in the data (z = {z[d]:.1f}, "
                f"{int(bad.sum())} of {len(bad)} features): the model is not there yet, or its chains are not",
                "use more n_updates, a learning rate that falls to 0 (schedule='linear', hold=0.5), or more n_steps",
            )
        )
    return found[:1]


def _kurtosis(x):
    d = x - x.mean(axis=0)
    second = (d**2).mean(axis=0)
    return np.where(second > 0, (d**4).mean(axis=0) / np.where(second > 0, second, 1.0) ** 2, 3.0)


def stuck(population: Population) -> list[Diagnostic]:
    """Do all chains walk?"""
    groups = population.n_groups
    path = population.path.reshape(ROUNDS + 1, -1, groups, population.path.shape[-1])
    # Copies of a chain start from the same place: it is stuck where all of them are.
    jump = ((path[-1] - path[0]) ** 2).sum(axis=-1).max(axis=0)
    still = jump <= STILL * np.median(jump)
    share = float(still.mean())
    if share <= STUCK_WARN:
        return []
    bad = share > STUCK_ERROR
    return [
        Diagnostic(
            "stuck_chains",
            share,
            STUCK_ERROR if bad else STUCK_WARN,
            f"{int(still.sum())} of {groups} chains have not moved in {ROUNDS} updates: they sit where every proposal "
            "is refused, and hold up the energy there",
            "use a smaller step_size, or a global move that can fetch them (global_move='auto'), or clip_norm",
            "error" if bad else "warning",
        )
    ]


def saturated(energy: Energy, x: np.ndarray) -> list[Diagnostic]:
    """Has a layer of a network activations that no longer answer? Asks the energy (`Energy.saturation`)."""
    shares = energy.saturation(x[:ROWS])
    if shares is None:
        return []
    shares = np.atleast_1d(np.asarray(shares, dtype=float))
    layer = int(shares.argmax())
    if not shares[layer] > SATURATED_WARN:
        return []
    bad = bool(shares[layer] > SATURATED_ERROR)
    return [
        Diagnostic(
            "saturated",
            float(shares[layer]),
            SATURATED_ERROR if bad else SATURATED_WARN,
            f"{100 * shares[layer]:.0f} % of the units of hidden layer {layer + 1} hardly depend on their input: "
            "no gradient passes there, and that part of the network no longer learns",
            "use a smaller learning_rate or clip_norm, l2 on the weights, inputs of spread near 1, or start anew",
            "error" if bad else "warning",
        )
    ]
