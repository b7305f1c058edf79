"""Wells with heavy tails: the best that several starts lead to, by likelihood."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import choice, integer
from .._runtime.control import Control
from ..energies.student_mixture import StudentTMixture
from ..energies.well_theta import COVARIANCES
from ._heavy import HeavyClimb, HeavyFullClimb
from .search import Found, Normal, family_of, n_starts, search, widths_of
from .splits import additions, moves
from .starts import check_distinct

# Degrees of freedom of a fit lie in it: above 2 every well has a covariance, and at the upper end it is as good as
# normal. From 1 on, rows that the fit has not seen gain 0.01 nats (two wells, 2 % of the rows 20 to 100 widths away),
# and none of iris, wine, diabetes, breast cancer and Old Faithful gain anything.
DF_RANGE = 2.1, 200.0
# Those that a climb begins with. 73, 55 and 42 steps for normal wells, with outliers and for heavy tails; from 5 on 79,
# 63 and 41, from 50 on 65, 55 and 57.
START_DF = 10.0
# (Against scikit-learn's GaussianMixture with as many starts, 1,000 and 5,000 rows, 2 to 10 features, 1 to 8 wells:
# eight starts take 0.54 times as long in the median, more than twice in 1 of 96; a single one 0.91 times, more than
# twice in 16 of 144, to a tolerance of 1e-7 in place of 1e-3.)
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
        inside, shares = self._inside(wells, x)
        return self._with_df(wells, moves(wells[:3], x[inside], rng, most, shares[inside]))

    def additions(self, wells, x, rng, most):
        """Likewise."""
        inside, shares = self._inside(wells, x)
        return self._with_df(wells, additions(wells[:3], x[inside], rng, most, shares[inside]))

    def _inside(self, wells, x):
        """Has a row some weight in the moments of its well? And the shares."""
        _, means, _, df = wells
        energy = self.built(wells)
        shares = energy.shares(x)
        own, factors, weight = shares.argmax(axis=1), energy._factors(), np.empty(len(x))
        for j in range(len(means)):
            white = (x[own == j] - means[j]) @ factors[j]
            weight[own == j] = (df[j] + x.shape[1]) / (df[j] + 2.0 * (white**2).sum(axis=1))
        return weight > FAR, shares

    def _with_df(self, wells, starts):
        middle = math.exp(float(wells[0] @ np.log(wells[3])))
        return [(*start, np.full(len(start[0]), middle)) for start in starts]

    def built(self, wells):
        """The energy of these wells, with log Z = 0."""
        weights, means, spread, df = wells
        if self.full:
            return StudentTMixture.from_mixture(weights, means, None, df, scale_matrices=spread)
        return StudentTMixture.from_mixture(weights, means, spread, df)

    def taken(self, energy):
        """The wells of an energy."""
        spread = energy.scale_matrices_ if self.full else energy.scales_
        return energy.weights_, energy.means_, spread, energy.degrees_of_freedom_


@family_of.register
def _(energy: StudentTMixture) -> Heavy:
    return Heavy(energy.covariance)


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
    tol: float = 1e-7,
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
        The same degrees of freedom in all wells? Held out, 0.05 to 0.1 nats a row worse where the outliers are of one
        kind, and within 0.03 either way on the real data named above, 0.36 worse once (diabetes, three diagonal wells).
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
