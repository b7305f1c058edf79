"""Has training arrived, and if not, why?"""

from __future__ import annotations

import copy
import math

import numpy as np

from ..energies.base import Energy
from ..fitting.examine import Examination
from ..training.optimiser import falls_from
from ..training.result import TrainingResult
from . import advice
from .diagnostic import Diagnostic
from .population import Population

# Nats a row that a fit may fall short of its optimum, ten times the largest of the default recipe; beyond the second
# number it is an error.
SHORT, LOST = 0.02, 0.1
# Where the shortfall is estimated, more parameters wander more: the allowance grows beyond this many.
MANY = 50
# Share of the shortfall that makes a cause its cause.
CAUSE = 0.25
# Share of a parameter's range that one step may take.
LONG_STEP = 0.05
# Model samples that the estimate uses, and rows.
MODEL_SAMPLES, ROWS = 4096, 20_000
# Parameters beyond which the matrix of the estimate is too large, and updates below which there is no trend.
MOST_PARAMS, FEWEST_UPDATES = 400, 10


def arrived(
    result: TrainingResult, X: np.ndarray, population: Population | None, known: Examination | None, rng
) -> tuple[list[Diagnostic], list[str]]:
    """How many nats a row is the fit short of the optimum that it belongs to, and why?

    Parameters
    ----------
    known : Examination or None
        Where exact likelihood measures the shortfall. Else it is estimated, see `_estimate`.

    Returns
    -------
    warnings, not_checked
    """
    energy = result.energy
    sampled = population is not None or energy.has_exact_sample
    x = X if len(X) <= ROWS else X[rng.permutation(len(X))[:ROWS]]
    estimate = _estimate(result, x, population, rng) if sampled and energy.n_params <= MOST_PARAMS else None
    if known is not None:
        short, limit, about = _parts(known)[0], SHORT, ""
    elif estimate is not None:
        allowed = SHORT * max(1.0, energy.n_params / MANY)
        short, limit, about = estimate.short, allowed + estimate.noise, "about "
    else:
        reason = f"the estimate takes at most {MOST_PARAMS} parameters, the energy has {energy.n_params}"
        return [], [
            "distance from the optimum: " + (reason if sampled else "there are no chains to estimate it with")
        ]
    if short < limit:
        return [], []
    lost = f"the fit is {about}{short:.2g} nats a row short of its optimum"
    code, meaning, cure = _cause(result, x, estimate, short)
    severity = "error" if short > LOST else "warning"
    return [Diagnostic(code, short, limit, f"{lost}: {meaning}", cure, severity)], []


def _parts(known: Examination) -> tuple[float, float]:
    """What a fit is short of its own optimum, and that of the best; the larger is all if neither reaches the limit."""
    own, other = known.own_gain, known.gain - known.own_gain
    if max(own, other) < SHORT:
        return (known.gain, 0.0) if own > other else (0.0, known.gain)
    return own, other


def elsewhere(known: Examination) -> list[Diagnostic]:
    """Does another start lead to a better optimum than the one that the fit belongs to?"""
    gain = _parts(known)[1]
    if gain < SHORT:
        return []
    modes = "" if known.best.modes is None else f", {len(known.best.modes)}, n_init=20"
    return [
        Diagnostic(
            "local_optimum",
            gain,
            SHORT,
            f"{known.gain:.2g} nats a row better from another start ({known.start}): the fit is at a local optimum",
            f"start the training at initial_wells(X{modes}), which holds the better one",
            "error" if gain > LOST else "warning",
        )
    ]


def stopped_early(known: Examination) -> list[Diagnostic]:
    """For a fit by likelihood alone: would more steps have bettered it?"""
    gain = _parts(known)[0]
    if gain < SHORT:
        return []
    return [
        Diagnostic(
            "under_training",
            gain,
            SHORT,
            f"the fit is {gain:.2g} nats a row short of its optimum: it was stopped early",
            "fit again with more iterations",
            "error" if gain > LOST else "warning",
        )
    ]


class _Estimate:
    r"""Half the Newton decrement, :math:`\tfrac12 g^T F^{+} g`.

    g is the objective's gradient at the fitted theta, with samples of the model itself, and F the covariance of
    dE/dtheta under the model.
    """

    def __init__(self, g, likelihood_g, fisher, inverse, rank, count, model):
        self.fisher, self.inverse, self.model = fisher, inverse, model
        bias = 0.5 * rank / count
        self.short = self.of(g) - bias
        self.noise = 2.0 * math.sqrt(rank) / count
        # The same without the penalty: what the likelihood has lost.
        self.likelihood = self.of(likelihood_g) - bias

    def of(self, g) -> float:
        return 0.5 * float(g @ self.inverse @ g)


def _estimate(result, x, population, rng):
    energy, penalty = result.energy, result.settings["l2"]
    model, exact = _model_samples(energy, population, rng)
    moments = energy.param_grad(model)
    fisher = np.atleast_2d(np.cov(moments, rowvar=False))
    likelihood_g = energy.mean_param_grad(x) - moments.mean(axis=0)
    g = likelihood_g + 2.0 * penalty * energy.theta
    inverse, rank = _inverse(fisher, 2.0 * penalty)
    return _Estimate(
        g, likelihood_g, fisher, inverse, rank, len(model) if exact else population.n_groups, model
    )


def _cause(result, x, estimate, short):
    """(code, meaning, advice) of a fit that is short of its optimum."""
    settings = result.settings
    if (
        np.any(settings["l2"])
        and estimate is not None
        and estimate.short < CAUSE * short < estimate.likelihood
    ):
        return (
            "penalty",
            "it is at the optimum of the likelihood less the penalty l2",
            "use a smaller l2, or l2=0",
        )
    smaller = f"use learning_rate={settings['learning_rate'] / 4:.2g}"
    beyond = _beyond(result)
    if beyond:
        return beyond
    trend = _trend(result, x, estimate)
    if trend is None:
        return (
            "under_training",
            f"{len(result.history)} updates are too few to see a trend",
            "use more n_updates",
        )
    change, wandering = trend
    if wandering > CAUSE * short:
        batch = settings["batch_size"]
        larger = f" and batch_size={min(len(x), 8 * batch)}" if batch < min(64, len(x)) else ""
        return (
            "learning_rate",
            f"the parameters wander about it, which costs {wandering:.2g} nats a row at the end",
            smaller + larger + " with twice the n_updates",
        )
    if change > CAUSE * SHORT:
        meaning = f"it is getting worse, by {change:.2g} nats a row over the last fifth of the updates"
        return (
            "drift",
            f"{meaning}; the chains' bias drives the parameters away",
            _follow(result) + ", or stop earlier",
        )
    if change < -0.1 * short:
        return (
            "under_training",
            f"it gained {-change:.2g} nats a row over the last fifth of the updates and has not arrived",
            f"use n_updates={4 * len(result.history)}",
        )
    own = _own_gradient(result) if estimate is not None else None
    if own is not None and estimate.of(own) > CAUSE * short:
        return (
            "under_training",
            "the parameters are still on the move",
            f"use n_updates={4 * len(result.history)}",
        )
    return (
        "biased_chains",
        "the parameters have come to rest elsewhere, because the chains do not follow the model",
        _follow(result),
    )


def _beyond(result):
    # A step that is too long throws parameters beyond the range in which they act, where nothing brings them back.
    low, high = result.energy.theta_limits
    theta = np.asarray(result.theta_trace)
    if not len(theta):
        return None
    outside = (theta <= low) | (theta >= high)
    steps = np.abs(np.diff(theta, axis=0)) / np.maximum(np.diff(np.asarray(result.theta_steps)), 1)[:, None]
    if not outside[-1].any() or not (steps[:, outside[-1]] > LONG_STEP * (high - low)[outside[-1]]).any():
        return None
    rate = result.settings["learning_rate"]
    p = int(np.flatnonzero(outside[-1])[0])
    return (
        "learning_rate",
        f"a single step threw {result.energy.param_names[p]} out of the range in which it acts",
        f"use learning_rate={rate / 10:.2g}",
    )


def _follow(result):
    return advice.to_follow(result.settings, result.sampler, result.global_move)


def _trend(result, x, estimate):
    """(change of the mean negative log-likelihood from the fourth to the last fifth, cost of wandering in the last).

    Nats a row; None for too few updates.
    """
    energy, n = result.energy, len(result.history)
    steps, theta = np.asarray(result.theta_steps), np.asarray(result.theta_trace)
    fifth = n // 5
    last, before = steps >= n - fifth, (steps >= n - 2 * fifth) & (steps < n - fifth)
    if n < FEWEST_UPDATES or not before.any() or last.sum() < 2:
        return None
    earlier, later, end = copy.copy(energy), copy.copy(energy), copy.copy(energy)
    earlier.theta, later.theta, end.theta = theta[before].mean(axis=0), theta[last].mean(axis=0), theta[-1]
    model = None if estimate is None else estimate.model
    return _worse(later, earlier, energy, x, model), max(0.0, _worse(end, later, energy, x, model))


def _worse(one, other, energy, x, model) -> float:
    """Mean negative log-likelihood of x under one less that under the other."""
    change = float((one.energy(x) - other.energy(x)).mean())
    if energy.has_log_partition:
        return change + one.log_partition() - other.log_partition()
    if model is None:
        return math.nan
    here = energy.energy(model)
    return change + _log_mean_exp(here - one.energy(model)) - _log_mean_exp(here - other.energy(model))


def _model_samples(energy: Energy, population: Population, rng):
    if energy.has_exact_sample:
        return energy.exact_sample(MODEL_SAMPLES, rng), True
    return population.extended, False


def _inverse(fisher, penalty):
    """Inverse of the curvature on the directions that change the density, and how many they are."""
    values, vectors = np.linalg.eigh(fisher)
    kept = vectors[:, values > 1e-9 * max(values[-1], 1e-300)]
    curvature = kept.T @ (fisher + np.diag(penalty)) @ kept
    return kept @ np.linalg.inv(curvature) @ kept.T, kept.shape[1]


def _own_gradient(result):
    """Mean gradient over the last fifth of the updates, which is how far theta went; None if that tells nothing."""
    steps, theta = np.asarray(result.theta_steps), np.asarray(result.theta_trace)
    n = len(result.history)
    # The last kept row that is not later than the beginning of that fifth.
    first = max(0, int(np.searchsorted(steps, n - max(2, n // 5), side="right")) - 1)
    if result.settings["optimizer"] != "sgd" or steps[first] == steps[-1]:
        return None
    return (theta[first] - theta[-1]) / _rates(result.settings, n, int(steps[first]), int(steps[-1])).sum()


def _rates(settings, n, start, stop):
    """Learning rates of the updates from start to before stop, of n."""
    update, warm_up = np.arange(start, stop), settings.get("warm_up", 0)
    falls = falls_from(n, warm_up, settings.get("hold", 0.0))
    part = np.maximum(update - falls, 0) / max(n - falls, 1)
    fall = {"constant": np.ones(len(part)), "linear": 1.0 - part, "cosine": np.cos(0.5 * np.pi * part) ** 2}
    rise = np.minimum(1.0, (update + 1.0) / max(warm_up, 1))
    return settings["learning_rate"] * rise * fall[settings.get("schedule", "constant")]


def _log_mean_exp(v) -> float:
    top = float(v.max())
    return top + math.log(float(np.exp(v - top).mean()))
