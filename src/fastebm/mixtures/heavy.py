"""Wells with heavy tails: the best that several starts lead to, by likelihood."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import choice, integer
from .._runtime.control import Control
from ..energies.student_mixture import StudentTMixture
from ..energies.well_theta import COVARIANCES
from ._heavy import HeavyClimb, HeavyFullClimb
from .search import Found, Normal, n_starts, search, widths_of
from .splits import moves
from .starts import check_distinct

# Degrees of freedom of a fit lie in it; at the upper end a well is as good as normal.
DF_RANGE = 1.0, 200.0
# Those that a climb begins with.
START_DF = 5.0
# A row whose weight in the moments of its well is below this lies in the tail, and does not decide where wells begin.
FAR = 1.0 / 3.0
# Rows further from the median than this, in robust standard deviations of a feature, are left out of every other start.
FURTHEST = 6.0


class Heavy(Normal):
    """Wells of laws of Student, as a search sees them: weights, means, scales or scale matrices, degrees of freedom.

    Parameters
    ----------
    covariance : {"diag", "full"}
    df_range : (float, float)
    tied : bool
        The same degrees of freedom in all wells?
    """

    def __init__(self, covariance: str, df_range=DF_RANGE, tied: bool = False):
        super().__init__(covariance)
        self.df_range, self.tied = df_range, tied

    def start(self, kind, x, n_wells, rng, number):
        """Normal wells of all rows, or of those that are not far from the median."""
        if number % 2 == 0:
            core = x[near(x)]
            x = core if len(core) > max(n_wells, len(x) // 2) else x
        start = super().start(kind, x, n_wells, rng, number // 2)
        return (*start, np.full(n_wells, START_DF))

    def climb(self, blocks, wells, std_range, tol, max_iter):
        """Climb from wells."""
        weights, means, spread, df = wells
        low, high = std_range
        kind = HeavyFullClimb if self.full else HeavyClimb
        spread = spread if self.full else np.clip(spread, low, high)
        control = Control(None, 1.0)
        climb = kind(blocks, weights, means, spread, df, low, high, self.df_range, self.tied, control)
        return climb.climb(max_iter, tol)

    def wells(self, climb):
        """Where a climb stands."""
        return climb.weights, climb.means, climb.spread, climb.df

    def moves(self, wells, x, rng, most):
        """As those of normal wells, judged by the rows that are in no tail."""
        weights, means, spread, df = wells
        energy = self.built(wells)
        shares = energy.shares(x)
        own, factors, weight = shares.argmax(axis=1), energy._factors(), np.empty(len(x))
        for j in range(len(weights)):
            white = (x[own == j] - means[j]) @ factors[j]
            weight[own == j] = (df[j] + x.shape[1]) / (df[j] + 2.0 * (white**2).sum(axis=1))
        inside = weight > FAR
        found = moves((weights, means, spread), x[inside], rng, most, shares[inside])
        middle = np.full(len(weights), math.exp(float(weights @ np.log(df))))
        return [(*start, middle) for start in found]

    def built(self, wells):
        """The energy of these wells, with log Z = 0."""
        weights, means, spread, df = wells
        if self.full:
            return StudentTMixture.from_mixture(weights, means, None, df, scale_matrices=spread)
        return StudentTMixture.from_mixture(weights, means, spread, df)


def near(x: np.ndarray) -> np.ndarray:
    """Is no feature of a row further from its median than six robust standard deviations?"""
    apart = np.abs(x - np.median(x, axis=0))
    spread = 1.4826 * np.median(apart, axis=0)
    # More than half of the values are the same: no scale.
    spread[spread == 0] = np.inf
    return (apart <= FURTHEST * spread).all(axis=1)


def search_heavy(
    x: np.ndarray,
    n_wells: int,
    *,
    n_init="auto",
    seed=0,
    std_range=None,
    tol: float = 1e-8,
    max_iter: int = 5000,
    covariance: str = "diag",
    tied: bool = False,
    df_range: tuple[float, float] = DF_RANGE,
    n_threads: int | None = None,
) -> Found:
    """The maximum-likelihood wells with heavy tails, by climbs from several starts.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
        Checked rows, standardised: scales are kept between 0.00064 and 775.
    n_wells : int
        At most the number of distinct rows.
    n_init : int or "auto", default "auto"
        Starts, as in `fastebm.initial_wells`. Every other one looks only at rows within six robust standard deviations
        of the median.
    seed : None, int, SeedSequence or Generator
    std_range : (float, float), optional
        Every scale is kept in it; of full wells, that along every direction.
    tol, max_iter
        Of the last climbs: a gain in nats a row, and a number of steps.
    covariance : {"diag", "full"}, default "diag"
    tied : bool, default False
        The same degrees of freedom in all wells?
    df_range : (float, float)
        Degrees of freedom are kept in it.
    n_threads : int, optional
        Climbs at the same time; the bytes are the same.

    Returns
    -------
    Found
        ``wells`` is a `StudentTMixture` with log Z = 0.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or there are fewer distinct rows than wells.
    """
    k = integer(n_wells, "n_wells", 1)
    choice(covariance, "covariance", COVARIANCES)
    check_distinct(x, k)
    return search(
        x,
        k,
        n_init=n_starts(n_init, x, k, covariance),
        seed=seed,
        std_range=widths_of(StudentTMixture()) if std_range is None else std_range,
        tol=tol,
        max_iter=max_iter,
        n_threads=n_threads,
        covariance=covariance,
        family=Heavy(covariance, df_range, tied),
    )
