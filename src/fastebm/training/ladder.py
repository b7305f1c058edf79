"""A ladder of noise levels: one energy for each, and samples that walk down it."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from .._runtime.check import describe, first_bad, integer, numeric, real, samples
from .._runtime.seed import seed_sequence
from ..energies.base import Energy, as_energy
from ..samplers.sgld import SGLD
from .score import ScoreMatching
from .score_result import ScoreResult


@dataclass(frozen=True, eq=False)
class NoiseLadder:
    """Fits of one energy at several noise levels, from the most noise to the least.

    Attributes
    ----------
    noise_stds : ndarray of shape (n_levels,)
        Standard deviation of the noise, falling, in the units of the data.
    results : tuple of ScoreResult
        One for each level.

    Examples
    --------
    >>> import fastebm as fe
    >>> X = fe.datasets.two_normals(1000, seed=1)
    >>> ladder = fe.noise_ladder(fe.WellMixture(), X, [1.0, 0.5], seed=2, n_updates=100)
    >>> ladder.noise_stds, len(ladder.results)
    (array([1. , 0.5]), 2)
    """

    noise_stds: np.ndarray
    results: tuple[ScoreResult, ...]

    @property
    def energies(self) -> tuple[Energy, ...]:
        """The fitted energies; that of the last level is the closest to the data."""
        return tuple(result.energy for result in self.results)

    @property
    def warnings(self) -> list:
        """What the checks of all levels say, each as (noise_std, warning)."""
        levels = zip(self.noise_stds, self.results, strict=True)
        return [(float(s), warning) for s, result in levels for warning in result.warnings]

    def sample(self, x0, n_steps=100, *, step_size=0.1, denoise=False, seed=None, n_threads=None):
        """Samples by `annealed_langevin` down the ladder; arguments as there."""
        return annealed_langevin(
            self.energies,
            self.noise_stds,
            x0,
            n_steps,
            step_size=step_size,
            denoise=denoise,
            seed=seed,
            n_threads=n_threads,
        )

    def __repr__(self) -> str:
        return f"NoiseLadder({len(self.results)} levels, noise_std {self.noise_stds[0]:g} to {self.noise_stds[-1]:g})"


def noise_ladder(
    energy, X, noise_stds, *, seed=None, progress=False, n_threads=None, **options
) -> NoiseLadder:
    """Fit an energy to X at every noise level by denoising score matching, from the most noise to the least.

    A level starts from the theta of the one before it: with much noise modes overlap, so that their shares are seen,
    and the next level only has to make them narrower.

    Parameters
    ----------
    energy : Energy
        Its theta is where the first level starts.
    X : array-like of shape (n_samples, n_features)
        The data, without noise.
    noise_stds : array-like of shape (n_levels,)
        Falling. The first should be about the distance of the modes, and neighbours no more than a factor of 2 apart.
    seed : None, int, SeedSequence or Generator
        Every level has a stream of its own.
    progress : bool, default False
    n_threads : int, optional
    **options
        Arguments of `ScoreMatching`, for every level: n_updates, learning_rate, ...

    Returns
    -------
    NoiseLadder

    Raises
    ------
    ValueError, TypeError
        If noise_stds does not fall or is not positive, and as `ScoreMatching` and its `fit` do.

    References
    ----------
    Song and Ermon, Generative modeling by estimating gradients of the data distribution, NeurIPS 2019.

    Examples
    --------
    >>> import fastebm as fe
    >>> X = fe.datasets.two_normals(1000, seed=1)
    >>> ladder = fe.noise_ladder(fe.WellMixture(), X, [2.0, 1.0, 0.5], seed=2, n_updates=300)
    >>> ladder.sample([0.0] * 500, seed=3).shape
    (500,)
    """
    levels = _levels(noise_stds)
    for taken in ("method", "noise_std"):
        if taken in options:
            raise TypeError(
                f"{taken} is not an option of noise_ladder: its levels are noise_stds, by denoising"
            )
    trainer = ScoreMatching(energy, noise_std=float(levels[0]), **options)
    x, _ = samples(X, trainer.energy.n_features)
    start, results = copy.copy(trainer.energy), []
    for noise, child in zip(levels, copy.copy(seed_sequence(seed)).spawn(len(levels)), strict=True):
        one = trainer.replace(energy=start, noise_std=float(noise))
        results.append(one.fit(x, seed=child, progress=progress, n_threads=n_threads))
        start = results[-1].energy
    return NoiseLadder(levels, tuple(results))


def annealed_langevin(
    energies, noise_stds, x0, n_steps=100, *, step_size=0.1, denoise=False, seed=None, n_threads=None
):
    """Langevin dynamics down a ladder of noise levels: long steps where modes overlap, short ones at the end.

    At each level, `n_steps` steps of `SGLD` with a step of step_size * noise_std^2. There is no accept step: at the end
    the chains follow the last energy up to the bias of these steps, and the share of each mode is what the ladder's
    levels, and the time spent on them, made it.

    Parameters
    ----------
    energies : sequence of Energy, or Energy
        One for each level; or one for all of them, of which only the steps change.
    noise_stds : array-like of shape (n_levels,)
        Falling, in the units of x.
    x0 : array-like of shape (n_chains, n_features), or (n_chains,)
        Where the chains start: usually a wide normal or uniform draw.
    n_steps : int, default 100
        Steps at each level.
    step_size : float, default 0.1
        In units of noise_std^2: above 2 the steps of a density smoothed by noise_std can diverge.
    denoise : bool, default False
        End with x + noise_std^2 * score(x), the mean of what x was before the last level's noise (Tweedie's formula):
        it takes the noise away, and blurs nothing that is wider than it.
    seed : None, int, SeedSequence or Generator
    n_threads : int, optional
        The bytes are the same.

    Returns
    -------
    ndarray, shaped like x0

    Raises
    ------
    ValueError, TypeError
        If the numbers of energies and levels differ, an argument is out of range, or x0 does not fit.
    NonFiniteError
        If a chain leaves the range of numbers: use a smaller step_size.

    References
    ----------
    Song and Ermon, Generative modeling by estimating gradients of the data distribution, NeurIPS 2019 (our step is half
    of their alpha). Robbins, An empirical Bayes approach to statistics, 1956, for `denoise`.

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> levels = [2.0, 1.0, 0.5]
    >>> smoothed = [fe.Gaussian(3.0, 1.0 + s * s) for s in levels]
    >>> x = fe.annealed_langevin(smoothed, levels, np.zeros(1000), seed=1)
    >>> bool(abs(x.mean() - 3.0) < 0.2)
    True
    """
    levels = _levels(noise_stds)
    try:
        energies = [as_energy(energies)] * len(levels)
    except TypeError:
        energies = _listed(energies)
    if len(energies) != len(levels):
        raise ValueError(
            f"there are {len(energies)} energies, but {len(levels)} noise_stds; give one for each"
        )
    if len({e.n_features for e in energies}) > 1:
        raise ValueError("the energies must have the same n_features")
    steps = integer(n_steps, "n_steps", 1)
    h = real(step_size, "step_size", above=0)
    if not isinstance(denoise, (bool, np.bool_)):
        raise TypeError(f"denoise must be True or False, got {describe(denoise)}")
    x, flat = samples(x0, energies[0].n_features, "x0")
    streams = copy.copy(seed_sequence(seed)).spawn(len(levels))
    for energy, noise, stream in zip(energies, levels, streams, strict=True):
        x = SGLD(h * noise * noise).sample(energy, x, steps, seed=stream, n_threads=n_threads)
    if denoise:
        x = x + levels[-1] ** 2 * energies[-1].score(x)
    return x[:, 0] if flat else x


def _listed(energies):
    try:
        listed = list(energies)
    except TypeError:
        raise TypeError(f"energies must be a sequence of Energy or one, got {describe(energies)}") from None
    return [as_energy(e, f"energies[{i}]") for i, e in enumerate(listed)]


def _levels(value):
    levels = np.atleast_1d(numeric(value, "noise_stds"))
    if levels.ndim != 1 or not levels.size:
        raise ValueError(f"noise_stds must have shape (n_levels,), got {levels.shape}")
    first_bad(levels, "noise_stds")
    if not (levels > 0).all() or not (np.diff(levels) < 0).all():
        raise ValueError(f"noise_stds must be positive and fall, got {describe(levels.tolist())}")
    return levels.copy()
