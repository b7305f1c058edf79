"""What the scores of a fit tell: is it far enough, is it better than a normal law, can it know the modes' shares?"""

from __future__ import annotations

import copy

import numpy as np

from .._runtime.check import describe, integer, numeric, real, samples
from .._runtime.errors import NonFiniteError
from .._runtime.seed import seed_sequence
from ..energies.base import Energy, as_energy
from ..energies.gaussian import Gaussian
from ..energies.smoothed import smoothed
from ..training.score_result import ScoreResult
from . import training
from .diagnostic import Diagnosis, Diagnostic

# Rows that the checks look at, each with a noise of both signs; rows of the tree of neighbours.
ENOUGH, TREE = 2000, 512
# Standard errors: one false alarm in four million.
CLEAR = 5.0
# Share of all that the run gained that its last fifth may still have gained.
STILL_GAINING = 0.02
# Mean of w (1 - w) over the noisy data, w the share of a mode at a row, relative to that of modes on one another. Two
# wells of 4000 rows: above it shares came out within 0.03, at a tenth of it 0.1 off, at a thousandth anywhere.
OVERLAP = 5e-3
# An empty stretch between two groups: in noises, and in usual distances between neighbours. Groups hold so many rows.
GAP, USUAL, GROUP = 4.0, 3.0, 0.05
# Shares that differ by less do no harm.
SHARE = 0.02


def score_error(energy, X, noise_std, *, score=None, n=2000, seed=None) -> float:
    """Distance of an energy's score to that of the data with noise on them, relative to the latter's size.

    .. math:: \\left( \\mathrm{E} |s_E - s|^2 / \\mathrm{E} |s|^2 \\right)^{1/2}

    with the mean over rows of X with normal noise of noise_std, where the score is needed.

    Parameters
    ----------
    energy : Energy
    X : array-like of shape (n_samples, n_features)
        The data.
    noise_std : float
        In the units of X.
    score : callable, optional
        ``score(x) -> (n, n_features)``, the true score of the noisy data. By default that of X itself with the noise,
        in closed form: what denoising score matching has as its optimum on these very rows. In more than a few features
        it is a memory of the rows, and no fit should reach it.
    n : int, default 2000
        Number of noisy rows.
    seed : None, int, SeedSequence or Generator

    Returns
    -------
    float
        0 for the optimum, 1 for an energy without a slope.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of the wrong type.

    Examples
    --------
    >>> import fastebm as fe
    >>> X = fe.Gaussian(0.0, 1.0).exact_sample(5000, seed=1)
    >>> fe.score_error(fe.Gaussian(0.0, 1.25), X, 0.5, seed=2) < 0.1
    True
    """
    as_energy(energy)
    x, _ = samples(X, energy.n_features)
    noise = real(noise_std, "noise_std", above=0)
    count = integer(n, "n", 1)
    if score is not None and not callable(score):
        raise TypeError(f"score must be callable, got {describe(score)}")
    rng = np.random.default_rng(seed_sequence(seed))
    noisy = x[rng.integers(len(x), size=count)] + noise * rng.standard_normal((count, x.shape[1]))
    if score is None:
        truth = smoothed(noisy, x, noise)[1]
    else:
        truth = numeric(score(noisy), "the result of score(x)")
        if truth.shape != noisy.shape:
            raise ValueError(f"score(x) must return shape {noisy.shape}, got {truth.shape}")
    return float(np.sqrt(((energy.score(noisy) - truth) ** 2).sum() / (truth**2).sum()))


class Losses:
    """The loss of every row of a sample of the data, under the same noise for every energy.

    Parameters
    ----------
    settings : dict
        Of a `ScoreResult`.
    x : ndarray of shape (n_samples, n_features)
    rng : numpy.random.Generator
    """

    def __init__(self, settings: dict, x: np.ndarray, rng: np.random.Generator):
        self.noise = settings["noise_std"]
        self.x = x if len(x) <= ENOUGH else x[rng.choice(len(x), ENOUGH, replace=False)]
        if self.noise > 0:
            self.z = rng.standard_normal(self.x.shape)
        else:
            self.z = rng.choice([-1.0, 1.0], self.x.shape)
        self.noisy = self.x + self.noise * self.z

    def of(self, energy: Energy) -> np.ndarray:
        """Loss of every row, shape (n,)."""
        if self.noise > 0:
            sides = [
                energy.grad(self.x + sign * self.noise * self.z) - sign * self.z / self.noise
                for sign in (1.0, -1.0)
            ]
            return 0.25 * sum((r**2).sum(axis=1) for r in sides)
        step = 2.0**-17 if energy.rounding < 1e-10 else 2.0**-8
        step = step * (1.0 + np.abs(self.x).mean(axis=1, keepdims=True))
        slope = energy.grad(self.x + step * self.z) - energy.grad(self.x - step * self.z)
        curvature = (self.z * slope / (2.0 * step)).sum(axis=1)
        return 0.5 * (energy.grad(self.x) ** 2).sum(axis=1) - curvature

    def at(self, energy: Energy, theta: np.ndarray) -> np.ndarray:
        """The same with another theta."""
        there = copy.copy(energy)
        there.theta = theta
        return self.of(there)


def _z(difference: np.ndarray) -> float:
    error = difference.std() / np.sqrt(len(difference))
    return float(difference.mean() / error) if error > 0 else 0.0


def checks(result: ScoreResult, x: np.ndarray, rng: np.random.Generator) -> Diagnosis:
    """All checks of a fit by score matching, on the rows of the fit."""
    found, skipped = training.data(x, rng) + training.at_bound(result), []
    try:
        losses = Losses(result.settings, x, rng)
        more, skipped = _progress(result, losses)
        found += more + _plain(result, x, losses)
        blind, unknown = _shares(result, x, losses, rng)
        found, skipped = found + blind, skipped + unknown
    except NonFiniteError as error:
        found.append(
            Diagnostic(
                "divergence",
                float("inf"),
                0.0,
                f"the scores leave the range of numbers on the data ({error})",
                "use a smaller learning_rate, clip_norm or theta_bounds",
                "error",
            )
        )
    return Diagnosis(found, skipped)


def _progress(result, losses):
    """Did the run go downhill, and was it still doing so?"""
    steps, trace = result.theta_steps, result.theta_trace
    if len(steps) < 10:
        return [], [f"under-training: {len(steps)} updates are on record, and it takes 10"]
    total = int(steps[-1]) + 1
    early = trace[(steps >= 0.6 * total) & (steps < 0.8 * total)].mean(axis=0)
    late = trace[steps >= 0.8 * total].mean(axis=0)
    first, before, after = (losses.at(result.energy, theta) for theta in (trace[0], early, late))
    end = losses.of(result.energy)
    if _z(end - first) > CLEAR:
        return [
            Diagnostic(
                "learning_rate",
                float((end - first).mean()),
                0.0,
                "the loss at the end is higher than where the run began: its steps are too long",
                "use a smaller learning_rate, a schedule ('linear'), or clip_norm",
                "error",
            )
        ], []
    gained, still = float((first - after).mean()), float((before - after).mean())
    if gained <= 0 or still < STILL_GAINING * gained or _z(before - after) < CLEAR:
        return [], []
    return [
        Diagnostic(
            "under_training",
            still / gained,
            STILL_GAINING,
            f"the last fifth of the updates still brought {100 * still / gained:.0f} % of all that was gained: the run "
            "ended too early",
            "use more n_updates, or a larger learning_rate",
        )
    ], []


def _plain(result, x, losses):
    """Is it at least as good as one normal law?"""
    centred = x - x.mean(axis=0)
    covariance = centred.T @ centred / len(x)
    covariance[np.diag_indices(len(covariance))] += losses.noise**2 + 1e-6 * np.diag(covariance)
    try:
        bell = Gaussian(x.mean(axis=0), covariance)
    except ValueError:
        # Features that follow from each other, without noise: there is no normal law to compare with.
        return []
    worse = losses.of(result.energy) - losses.of(bell)
    if _z(worse) < CLEAR:
        return []
    return [
        Diagnostic(
            "score_error",
            float(worse.mean()),
            0.0,
            f"its scores are worse than those of one normal law with the data's mean and covariance, by "
            f"{worse.mean():.3g} in the loss",
            "use more n_updates, another learning_rate, a better start, or an energy that can be as wide as the data",
        )
    ]


BLIND = (
    "score matching hardly looks at a score between them, so the data do not decide the mass of each: it stays where "
    "it was at the start, or wanders (Adam makes large steps of small gradients)"
)
REMEDY = "begin with more noise and come down (noise_ladder), or use ContrastiveDivergence, whose chains count modes"


def _shares(result, x, losses, rng):
    """Can the shares of the modes be known, and are they those of the data?"""
    modes = result.energy.modes
    if modes is not None and len(modes) < 2:
        return [], []
    if modes is None:
        return _gap(x, losses, rng)
    there = result.energy.shares(losses.noisy)
    mean, shares = there.mean(axis=0), result.energy.mode_shares
    used = (mean > 1e-3) & (mean < 1 - 1e-3)
    if not used.any():
        return [], []
    overlap = (there * (1.0 - there)).mean(axis=0)[used] / (mean * (1.0 - mean))[used]
    if overlap.min() >= OVERLAP:
        return [], []
    # A row belongs to one mode or another; each is counted once.
    error = np.sqrt((mean * (1.0 - mean) / len(there))[used])
    off = np.abs(mean - shares)[used]
    j = int((off / error).argmax())
    wrong = off[j] > max(SHARE, CLEAR * error[j])
    at = np.flatnonzero(used)[j]
    return [
        Diagnostic(
            "mode_weights_not_identified",
            float(overlap.min()),
            OVERLAP,
            "its modes hardly overlap: "
            + BLIND
            + (
                f" (mode {at + 1} has a share of {shares[at]:.3f}, the data {mean[at]:.3f})"
                if wrong
                else " (at present they agree with the data)"
            ),
            REMEDY,
            "error" if wrong else "warning",
        )
    ], []


def _gap(x, losses, rng):
    if losses.noise == 0:
        return [], ["the shares of modes: this energy does not say where its modes are"]
    rows = x if len(x) <= TREE else x[rng.choice(len(x), TREE, replace=False)]
    length, usual = widest_gap(rows)
    if length < max(GAP * losses.noise, USUAL * usual):
        return [], []
    return [
        Diagnostic(
            "mode_weights_not_identified",
            length / losses.noise,
            GAP,
            f"the data fall into groups {length:.3g} apart, with noise of {losses.noise:g} on them: " + BLIND,
            REMEDY,
        )
    ], []


def widest_gap(rows: np.ndarray) -> tuple[float, float]:
    """(longest, median) edge of the minimal spanning tree; the longest of those that part GROUP of the rows from the
    rest.

    Prim's algorithm: n^2 operations.
    """
    n = len(rows)
    nearest, parent = np.full(n, np.inf), np.zeros(n, dtype=int)
    inside, order, current = np.zeros(n, dtype=bool), [0], 0
    inside[0] = True
    for _ in range(n - 1):
        distance = ((rows - rows[current]) ** 2).sum(axis=1)
        closer = ~inside & (distance < nearest)
        nearest[closer], parent[closer] = distance[closer], current
        current = int(np.where(inside, np.inf, nearest).argmin())
        inside[current] = True
        order.append(current)
    below = np.ones(n)
    for i in order[:0:-1]:
        below[parent[i]] += below[i]
    parts = np.minimum(below, n - below) >= max(2.0, GROUP * n)
    parts[0] = False
    edges = np.sqrt(nearest)
    longest = float(edges[parts].max()) if parts.any() else 0.0
    return longest, float(np.median(edges[1:])) if n > 1 else 0.0
