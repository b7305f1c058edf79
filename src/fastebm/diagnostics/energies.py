"""Is the energy one that can be sampled: its gradient right, its rows independent of each other, its mass finite?"""

from __future__ import annotations

import numpy as np

from .._runtime.errors import NonFiniteError
from ..energies.base import Energy
from ..samplers.base import Sampler
from .diagnostic import Diagnostic
from .gradients import compare

# Rows that are looked at.
ROWS = 32
# Relative difference between a row alone and in a block: 1e-13 for sums in another order, 1e-6 in float32.
APART = 1e-4
# Directions, and distances in units of the starts' spread, in which the energy must grow; and the share of directions
# that may fail to.
RAYS, FAR, MOST_RAYS = 64, 10.0 ** np.arange(2, 9), 0.1


def near(x0: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A few rows of the starts, moved a little: a gradient that is wrong by a factor is right at a mode."""
    x = x0[rng.permutation(len(x0))[:ROWS]]
    return x + 0.1 * (1.0 + np.abs(x)) * rng.standard_normal(x.shape)


def sound(energy: Energy, sampler: Sampler, x0: np.ndarray, rng) -> tuple[list[Diagnostic], list[str]]:
    """Everything about an energy that needs no chains.

    Returns
    -------
    warnings, not_checked
    """
    found, skipped = [], []
    x = near(x0, rng)
    for check, name in ((block, "whether a row depends on its block"), (gradient, "the gradient")):
        try:
            found += check(energy, x)
        except NonFiniteError as error:
            skipped.append(f"{name}: the energy is not finite next to x0 ({error})")
    if sampler.bounds is None and sampler.proposal_box is None:
        found += mass(energy, x0, rng)
    return found, skipped


def gradient(energy: Energy, x: np.ndarray) -> list[Diagnostic]:
    """`check_grad`, without the gradient in theta."""
    report = compare(energy, x, trained=False)
    if report.ok:
        return []
    if report.precision == "not repeatable":
        return [
            Diagnostic(
                "noisy_energy",
                float("inf"),
                0.0,
                report.worst,
                "make the energy a function of x alone",
                "error",
            )
        ]
    return [
        Diagnostic(
            "gradient",
            report.max_grad_error,
            report.limit,
            f"the gradient does not belong to the energy, and chains follow the gradient: {report.worst}",
            "correct the gradient (fastebm.check_grad shows where it is wrong)",
            "error",
        )
    ]


def block(energy: Energy, x: np.ndarray) -> list[Diagnostic]:
    """Is a row's energy the same alone and among others?"""
    together, again = energy.energy(x), energy.energy(x)
    if not np.array_equal(together, again):
        # It differs from itself: `gradient` says so.
        return []
    alone = np.array([energy.energy(x[i : i + 1])[0] for i in range(len(x))])
    apart = np.abs(alone - together) / (1.0 + np.abs(together))
    if apart.max() <= APART:
        return []
    i = int(apart.argmax())
    return [
        Diagnostic(
            "block_dependent",
            float(apart.max()),
            APART,
            f"the energy of a row depends on the rows beside it: {alone[i]:.6g} alone, {together[i]:.6g} in a block of "
            f"{len(x)}. Chains then depend on each other and on the number of threads",
            "make the energy of a row a function of that row (no batch statistics)",
            "error",
        )
    ]


def mass(energy: Energy, x0: np.ndarray, rng) -> list[Diagnostic]:
    r"""Does the energy grow fast enough for :math:`\int e^{-E}` to be finite?

    In n dimensions E must exceed n log r for large r. What is not finite out there counts as growth; along rays where
    only some coordinates grow this asks for more than is needed, hence random directions.
    """
    features = energy.n_features
    direction = rng.standard_normal((RAYS, features))
    direction /= np.sqrt((direction**2).sum(axis=1))[:, None]
    spread = float(x0.std(axis=0).max())
    unit = spread if spread > 0 else 1.0 + float(np.abs(x0).max())
    centre = x0.mean(axis=0)
    heights = np.full((len(FAR), RAYS), np.inf)
    for k, r in enumerate(FAR * unit):
        try:
            heights[k] = energy._energy_with_walls(centre + r * direction)
        except NonFiniteError:
            break
    with np.errstate(invalid="ignore"):
        # Slope in log r over two decades; infinity less infinity is growth.
        slopes = np.nan_to_num((heights[2:] - heights[:-2]) / np.log(100.0), nan=np.inf)
    short = slopes[-1] < 1.02 * features
    if short.mean() <= MOST_RAYS:
        return []
    slope = float(np.median(slopes[-1][short]))
    return [
        Diagnostic(
            "no_mass",
            slope,
            1.02 * features,
            f"far out the energy grows by {slope:.3g} log r in {100 * short.mean():.0f} % of all directions, and must "
            f"grow by more than {features} log r for exp(-E) to have a finite integral: there is no law to sample, and "
            "chains wander off",
            "add a confining term to the energy, such as 0.5 * (x / s)**2, or give the sampler bounds",
            "error",
        )
    ]
