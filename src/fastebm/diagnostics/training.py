"""Has training arrived, and where?"""

from __future__ import annotations

import copy
import math

import numpy as np

from ..energies.base import Energy
from ..training.result import TrainingResult
from . import advice
from .diagnostic import Diagnostic
from .population import Population, thetas

# Nats per sample that a fit may fall short of its optimum: ten times the largest of the default recipe.
SHORT = 0.02
# More parameters wander more: the allowance grows beyond this many.
MANY = 50
MAX_GAP_SD = 10.0
MIN_ESS = 0.2
# Nats per sample by which training data may fit better than held-out data.
MAX_MEMORY = 3.0
# Distance from the median over that of the 90 % quantile; a Cauchy sample of 2400 reaches 300, a normal one 2.5.
MAX_FAR = 1000.0
# Share of rows that are the same point.
MAX_REPEATED = 0.2
# Data rows and model samples that the checks use at most.
ROWS = 20_000
MODEL_SAMPLES = 4096
# Parameters beyond which the matrix of the check is too large.
MOST_PARAMS = 400


def arrived(result: TrainingResult, X: np.ndarray, population: Population, rng) -> list[Diagnostic]:
    r"""How many nats per sample is the fit short of its optimum, and is that for lack of updates or of good chains?

    The objective's gradient g at the fitted theta, with samples of the model itself, gives the estimate
    :math:`\tfrac12 g^T F^{+} g` (half the Newton decrement; F is the covariance of dE/dtheta under the model). The
    same with the trainer's own mean gradient over the last fifth of the updates tells the two causes apart.
    """
    energy, settings = result.energy, result.settings
    if energy.n_params > MOST_PARAMS or len(result.history) < 10:
        return []
    x = X if len(X) <= ROWS else X[rng.permutation(len(X))[:ROWS]]
    model, exact = _model_samples(energy, population, rng)
    moments = energy.param_grad(model)
    fisher = np.atleast_2d(np.cov(moments, rowvar=False))
    penalty = settings["l2"]
    g = energy.mean_param_grad(x) - moments.mean(axis=0) + 2.0 * penalty * energy.theta
    inverse, rank = _pseudo_inverse(fisher + np.diag(2.0 * penalty))
    count = len(model) if exact else population.n_groups
    short = 0.5 * float(g @ inverse @ g) - 0.5 * rank / count
    limit = SHORT * max(1.0, energy.n_params / MANY)
    noise = 2.0 * math.sqrt(rank) / count
    if short < limit + noise:
        return []
    own = _own_gradient(result)
    unfinished = own is None or 0.5 * float(own @ inverse @ own) > 0.25 * short
    worse = _rising(result, x, model)
    if worse > 0.25 * limit:
        return [
            Diagnostic(
                "drift",
                worse,
                0.25 * limit,
                f"the fit is getting worse, by {worse:.2g} nats per sample over the last fifth of the updates, and "
                f"is already "
                f"about {short:.2g} short of its optimum: the chains' bias drives the parameters away",
                advice.to_follow(settings, result.sampler, result.global_move) + ", or stop earlier",
            )
        ]
    if unfinished:
        return [
            Diagnostic(
                "under_training",
                short,
                limit,
                f"the fit is about {short:.2g} nats per sample short of its optimum and the parameters are still on "
                f"the move",
                "use more n_updates or a larger learning_rate",
            )
        ]
    return [
        Diagnostic(
            "biased_chains",
            short,
            limit,
            f"the trainer's own gradient has vanished, but that of the model has not: about {short:.2g} nats per "
            f"sample are lost "
            "because the chains do not follow the model",
            advice.to_follow(settings, result.sampler, result.global_move),
        )
    ]


def _model_samples(energy: Energy, population: Population, rng):
    if energy.has_exact_sample:
        return energy.exact_sample(MODEL_SAMPLES, rng), True
    return population.extended, False


def _pseudo_inverse(matrix):
    """Inverse on the directions that change the density, and how many they are."""
    values, vectors = np.linalg.eigh(matrix)
    keep = values > 1e-9 * max(values[-1], 1e-300)
    return (vectors[:, keep] / values[keep]) @ vectors[:, keep].T, int(keep.sum())


def _own_gradient(result):
    """Mean gradient over the last fifth of the updates, which is how far theta went; None if that tells nothing."""
    steps, theta = thetas(result)
    n = len(result.history)
    # The last kept row that is not later than the beginning of that fifth.
    first = max(0, int(np.searchsorted(steps, n - max(2, n // 5), side="right")) - 1)
    if result.settings["optimizer"] != "sgd" or steps[first] == steps[-1]:
        return None
    return (theta[first] - theta[-1]) / _rates(result.settings, n, int(steps[first]), int(steps[-1])).sum()


def _rates(settings, n, start, stop):
    """Learning rates of the updates from start to before stop, of n."""
    update, warm_up = np.arange(start, stop), settings.get("warm_up", 0)
    part = np.maximum(update - warm_up, 0) / max(n - warm_up, 1)
    fall = {"constant": np.ones(len(part)), "linear": 1.0 - part, "cosine": np.cos(0.5 * np.pi * part) ** 2}
    rise = np.minimum(1.0, (update + 1.0) / max(warm_up, 1))
    return settings["learning_rate"] * rise * fall[settings.get("schedule", "constant")]


def _rising(result, x, model) -> float:
    """Change of the mean negative log-likelihood of x from the fourth to the last fifth of the updates."""
    energy, n = result.energy, len(result.history)
    steps, theta = thetas(result)
    fifth = n // 5
    last, before = steps >= n - fifth, (steps >= n - 2 * fifth) & (steps < n - fifth)
    if not before.any():
        # Too few rows were kept to see a trend.
        return 0.0
    earlier, later = copy.copy(energy), copy.copy(energy)
    earlier.theta, later.theta = theta[before].mean(axis=0), theta[last].mean(axis=0)
    change = float((later.energy(x) - earlier.energy(x)).mean())
    if energy.has_log_partition:
        return change + later.log_partition() - earlier.log_partition()
    here = energy.energy(model)
    return change + _log_mean_exp(here - later.energy(model)) - _log_mean_exp(here - earlier.energy(model))


def _log_mean_exp(v) -> float:
    top = float(v.max())
    return top + math.log(float(np.exp(v - top).mean()))


def at_bound(result: TrainingResult) -> list[Diagnostic]:
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
            f"{energy.param_names[p]} has left the range in which it acts" + meaning,
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
        change = (there.mode_scales - inside.mode_scales).ravel()
        change = float(change[np.abs(change).argmax()])
        if change:
            state = "collapsing onto repeated points" if change < 0 else "wider than the energy can express"
            return f": a mode is {state}", "remove duplicated rows, use fewer modes, or "
    return "", "set theta_bounds within the energy's theta_limits, or "


def energy_gap(result: TrainingResult, population: Population) -> list[Diagnostic]:
    """Are data and chains at energies that have nothing to do with each other?"""
    history = result.history
    sd = float(population.energy.energy(population.extended).std())
    tail = history[-max(1, len(history) // 5) :]
    gap = abs(float(tail["energy_gap"].mean()))
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


def memorisation(energy: Energy, X: np.ndarray, X_val: np.ndarray) -> list[Diagnostic]:
    """Does the model know its training data better than other data? log Z cancels in the difference."""
    gain = float(energy.energy(X_val).mean() - energy.energy(X).mean())
    if gain <= MAX_MEMORY:
        return []
    return [
        Diagnostic(
            "memorisation",
            gain,
            MAX_MEMORY,
            f"training data are {gain:.3g} nats more likely per sample than held-out data: the model remembers them",
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
                "remove or clip such rows before the fit",
            )
        )
    # A value that holds a fifth of the rows is missed by 64 draws with probability 6e-7.
    shares = [
        float((x == x[i]).all(axis=1).mean()) for i in rng.choice(len(x), min(len(x), 64), replace=False)
    ]
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
