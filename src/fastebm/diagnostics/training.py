"""What the numbers of a training run tell: parameters at their bounds, weights, scales, and the rows themselves."""

from __future__ import annotations

import copy

import numpy as np

from ..energies.base import Energy
from ..preprocess.rounding import FEW
from ..training.result import TrainingResult
from ..training.score_result import ScoreResult
from .diagnostic import Diagnostic
from .population import Population, thetas

MAX_GAP_SD = 10.0
MIN_ESS = 0.2
# Nats a row by which training data may fit better than held-out data, and how many standard errors that must be: one
# false alarm in four million.
MEMORY, MEMORY_Z = 0.3, 5.0
# Distance from the median over that of the 90 % quantile; a Cauchy sample of 2400 reaches 300, a normal one 2.5.
MAX_FAR = 1000.0
# A column of few values, each of so many rows on average, is a category.
ROWS_A_VALUE = 4
# Share of rows that have a copy, of the first so many.
MAX_COPIES, ROWS_COMPARED = 0.5, 100_000
BEYOND = "has left the range in which it acts"
# Share of rows that are the same point.
MAX_REPEATED = 0.2


def at_bound(result: TrainingResult | ScoreResult) -> list[Diagnostic]:
    """Is a parameter at its clamp?"""
    energy = result.energy
    theta = thetas(result)[1][-1] if len(result.history) else result.theta
    low, high = result.settings["theta_bounds"]
    width = 0.5 * (high / 2.0 - low / 2.0)
    width = np.where(width < 1e300, width, 0.0)
    stuck = np.flatnonzero((low < high) & ((theta <= low + 4e-9 * width) | (theta >= high - 4e-9 * width)))
    if len(stuck):
        p = int(stuck[0])
        return [
            Diagnostic(
                "at_bound",
                float(theta[p]),
                float(low[p] if theta[p] <= low[p] else high[p]),
                f"{energy.param_names[p]} is at its bound"
                + (f" (and {len(stuck) - 1} more)" if len(stuck) > 1 else "")
                + ": the bound, not the data, decides its value",
                "find out what drives it there: biased chains (see the other warnings), or bounds that are too narrow",
            )
        ]
    low, high = energy.theta_limits
    beyond = np.flatnonzero((theta <= low) | (theta >= high))
    if not len(beyond):
        return []
    p = int(beyond[0])
    meaning, remedy = _lost(energy, theta, p, low[p], high[p])
    return [
        Diagnostic(
            "at_bound",
            float(theta[p]),
            float(low[p] if theta[p] <= low[p] else high[p]),
            f"{energy.param_names[p]} {BEYOND}" + meaning,
            remedy + "rescale the data to a standard deviation near 1",
        )
    ]


def _lost(energy, theta, p, low, high):
    """What it says about the modes that parameter p is beyond its limits, and what to do about it."""
    if energy.modes is not None:
        room = min(1.0, 0.5 * (high - low))
        there, inside = copy.copy(energy), copy.copy(energy)
        there.theta = theta
        moved = theta.copy()
        moved[p] = low + room if theta[p] <= low else high - room
        inside.theta = moved
        with np.errstate(over="ignore", invalid="ignore"):
            change = (there.mode_scales - inside.mode_scales).ravel()
        change = float(change[np.abs(change).argmax()])
        if change:
            if change < 0:
                return (
                    ": a mode is collapsing onto repeated points",
                    "remove duplicated rows, use fewer modes, or ",
                )
            return (
                ": a mode is wider than the energy can express",
                "use one mode more, remove rows that are far from all others, or ",
            )
    return "", "set theta_bounds within the energy's theta_limits, or "


def energy_gap(result: TrainingResult, population: Population) -> list[Diagnostic]:
    """Are data and chains at energies that have nothing to do with each other?"""
    history = result.history
    sd = float(population.energy.energy(population.extended).std())
    tail = history[-max(1, len(history) // 5) :]
    # Of its size: a gap that swings to and fro has a mean of zero.
    gap = float(np.abs(tail["energy_gap"]).mean())
    if sd <= 0 or gap <= MAX_GAP_SD * sd:
        return []
    return [
        Diagnostic(
            "energy_gap",
            gap / sd,
            MAX_GAP_SD,
            f"data and chains differ by {gap:.3g} in mean energy, {gap / sd:.3g} standard deviations of the chains' "
            f"energy: they "
            "are in different places",
            "start near the data (for wells: initial_wells(X)), rescale the data to a spread near 1, remove outliers, "
            "or use a smaller learning_rate",
        )
    ]


def weights(result: TrainingResult) -> list[Diagnostic]:
    """Jarzynski: do enough chains still count?"""
    value = float(result.effective_sample_size)
    if result.settings["weighting"] != "jarzynski" or value >= MIN_ESS:
        return []
    return [
        Diagnostic(
            "weights",
            value,
            MIN_ESS,
            f"at worst {100 * value:.0f} % of the weighted chains counted: theta moved faster than they could follow",
            "use a smaller learning_rate, more n_steps or more n_chains",
        )
    ]


def memory_gap(energy: Energy, X: np.ndarray, X_val: np.ndarray) -> tuple[float, float]:
    """How much more likely the training rows are than held-out ones, in nats a row, and the standard error.

    log Z cancels in the difference. The error is that of two independent means (Welch).
    """
    ours, others = energy.energy(X), energy.energy(X_val)
    spread = [v.var(ddof=1) / len(v) if len(v) > 1 else np.inf for v in (ours, others)]
    return float(others.mean() - ours.mean()), float(np.sqrt(sum(spread)))


def memorisation(energy: Energy, X: np.ndarray, X_val: np.ndarray) -> list[Diagnostic]:
    """Does the model know its training data better than other data?"""
    gap, error = memory_gap(energy, X, X_val)
    if not (gap > MEMORY and gap > MEMORY_Z * error):
        return []
    return [
        Diagnostic(
            "memorisation",
            gap,
            MEMORY,
            f"training rows are {gap:.3g} ± {error:.1g} nats more likely than held-out rows: the model remembers them",
            "use fewer parameters, a larger l2, or more data",
        )
    ]


def scale(energy: Energy, x: np.ndarray) -> list[Diagnostic]:
    """Can the modes be as narrow as the data?"""
    narrowest = 0.0 if energy.scale_limits is None else energy.scale_limits[0]
    spread = float(x.std(axis=0).min())
    if spread >= narrowest:
        return []
    return [
        Diagnostic(
            "scale",
            spread,
            narrowest,
            f"a feature of X has a standard deviation of {spread:.3g}, but no mode of this energy can be "
            f"narrower than {narrowest:.3g}",
            "rescale the data to a standard deviation near 1, or drop a constant feature",
        )
    ]


def data(x: np.ndarray, rng: np.random.Generator) -> list[Diagnostic]:
    """Outliers and repeated rows."""
    found = []
    middle = np.median(x, axis=0)
    distance = np.abs(x - middle)
    scale = np.quantile(distance, 0.9, axis=0)
    far = distance / np.where(scale > 0, scale, np.inf)
    if far.max() > MAX_FAR:
        row, feature = (int(i) for i in np.unravel_index(far.argmax(), far.shape))
        found.append(
            Diagnostic(
                "outliers",
                float(far.max()),
                MAX_FAR,
                f"X[{row}, {feature}] = {x[row, feature]:g} is {far.max():.3g} times as far from the median as 90 % "
                f"of the data: "
                "such rows pull the wells and stretch what is chosen from the range of the data",
                "give wells heavy tails (tails='student'), or remove or clip such rows before the fit",
            )
        )
    # A value that holds a fifth of the rows is missed by 64 draws with probability 6e-7.
    shares = [_share_of(x, x[i]) for i in rng.choice(len(x), min(len(x), 64), replace=False)]
    if len(x) >= 20 and max(shares) > MAX_REPEATED:
        found.append(
            Diagnostic(
                "duplicates",
                max(shares),
                MAX_REPEATED,
                f"{100 * max(shares):.0f} % of the rows are one and the same point: the likelihood of a well on it "
                f"has no maximum",
                "remove repeated rows, or model the repeated value apart",
            )
        )
    return found


def few_values(x: np.ndarray, names=None) -> list[Diagnostic]:
    """Columns of so few values that a density has no business there."""
    counts = [_values_of(column) for column in x.T]
    found = [d for d, n in enumerate(counts) if n <= FEW and len(x) >= ROWS_A_VALUE * n]
    if not found:
        return []
    said = ", ".join(f"feature {d}" if names is None else str(names[d]) for d in found[:5])
    return [
        Diagnostic(
            "few_values",
            float(min(counts[d] for d in found)),
            float(FEW),
            f"{len(found)} column{'s' * (len(found) > 1)} of so few values ({said}): wells narrow onto them as far as "
            "they can, and how far decides the log-density",
            "leave such a column out and fit its values apart, or give preprocess='auto', which spreads them",
        )
    ]


def repeated(x: np.ndarray) -> list[Diagnostic]:
    """Are most rows there more than once, so that rows held out have been seen after all?"""
    some = np.ascontiguousarray(x[:ROWS_COMPARED])
    if x.shape[1] < 2:
        # One rounded column repeats itself by nature.
        return []
    whole = some.view(np.dtype((np.void, some.dtype.itemsize * some.shape[1]))).ravel()
    counts = np.unique(whole, return_counts=True)[1]
    share = float(counts[counts > 1].sum() / len(some))
    if share <= MAX_COPIES:
        return []
    return [
        Diagnostic(
            "duplicates",
            share,
            MAX_COPIES,
            f"{100 * share:.0f} % of the rows are there more than once: a row held out may have been seen, and wells "
            "on repeated rows look likelier than they are",
            "drop the copies: numpy.unique(X, axis=0)",
        )
    ]


def _values_of(column) -> int:
    # The first rows tell it of most columns: a sort of all is needed of the others only.
    if len(np.unique(column[: 8 * FEW])) > FEW:
        return FEW + 1
    return len(np.unique(column))


def _share_of(x, row) -> float:
    # The first feature leaves few rows to compare.
    same = x[x[:, 0] == row[0]]
    return float((same == row).all(axis=1).sum()) / len(x)
