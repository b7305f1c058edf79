"""The exact maximum-likelihood well mixture, by expectation-maximisation: the yardstick for a trained energy."""

from __future__ import annotations

from .._runtime.check import choice, integer, rows
from ..energies.well_mixture import WellMixture
from ..energies.well_theta import COVARIANCES
from .search import climb_on, n_starts, search, wells_of, widths_of
from .splits import built
from .starts import check_distinct, place_wells

# Where there is no range of widths: far beyond what a WellMixture can hold, which refuses the result.
ANY_WIDTH = (1e-120, 1e120)


def maximum_likelihood_wells(
    X,
    n_wells: int = 2,
    *,
    seed=0,
    n_init="auto",
    max_iter: int = 5000,
    tol: float = 1e-12,
    std_range=None,
    covariance: str = "diag",
) -> WellMixture:
    """Fit a WellMixture by EM, which is possible because its density is a Gaussian mixture.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Finite data.
    n_wells : int, default 2
        Number of wells, at most the number of distinct rows of X.
    seed : None, int, SeedSequence or Generator
        Seeds the starts.
    n_init : int or "auto", default "auto"
        Starts: k-means, random rows, random wells, splits of the best. "auto" is 8 + n_wells, fewer where each costs
        much; 1 is k-means alone.
    max_iter : int, default 5000
        Largest number of iterations.
    tol : float, default 1e-12
        Stop when the mean log-likelihood gains less than this, in nats.
    std_range : (float, float), optional
        Keep every standard deviation in this interval. The result is then the optimum inside it, for clipping a
        variance solves the constrained step exactly. Of full wells, along every direction: eigenvalues are clipped;
        without it they are kept in the range of log_L.
    covariance : {"diag", "full"}, default "diag"
        Of the wells.

    Returns
    -------
    WellMixture
        Normalised: its log-partition is 0. The best of the local optima that the starts lead to.

    Raises
    ------
    ValueError, TypeError
        If X is not finite data, has fewer distinct rows than wells, or a well collapses below the range of raw_a.
    """
    x, k, iterations = rows(X), integer(n_wells, "n_wells", 1), integer(max_iter, "max_iter", 1)
    check_distinct(x, k)
    choice(covariance, "covariance", COVARIANCES)
    starts = n_starts(n_init, x, k, covariance)
    # A full well can shrink onto any few rows: it is never without limits.
    no_limits = ANY_WIDTH if covariance == "diag" else widths_of(WellMixture(covariance="full"))
    widths = no_limits if std_range is None else std_range
    if starts == 1:
        return climb(x, place_wells(x, k, seed, covariance), iterations, tol, widths)
    return search(
        x,
        k,
        n_init=starts,
        seed=seed,
        std_range=widths,
        tol=tol,
        max_iter=iterations,
        covariance=covariance,
    ).wells


def climb(x, start: WellMixture, max_iter: int, tol: float, std_range, n_threads: int = 1) -> WellMixture:
    """As `maximum_likelihood_wells`, on checked rows and from given wells."""
    end = climb_on(x, wells_of(start), std_range, tol, max_iter, n_threads)
    return built((end.weights, end.means, end.spread))
