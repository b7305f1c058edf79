"""Novelty detection with a false-alarm rate that is kept."""

from __future__ import annotations

import warnings

import numpy as np

from ._runtime.check import choice, integer, real
from ._runtime.errors import FastEBMWarning
from .answers import conformal
from .answers.scikit import (
    BaseEstimator,
    OutlierMixin,
    _safe_indexing,
    check_is_fitted,
    clone,
    sequence_of,
    validate_data,
)
from .estimator import EnergyDensity

METHODS = ("cross", "split")


class EnergyNovelty(OutlierMixin, BaseEstimator):
    """Is a row unlike those that were fitted? A density with a threshold from rows that it has not seen.

    Parameters
    ----------
    density : estimator, optional
        With `fit` and `score_samples`; by default ``EnergyDensity()``. It is cloned.
    false_alarm_rate : float, default 0.01
        Share of fresh rows of the same law that may be called odd.
    method : {"cross", "split"}, default "cross"
        "cross" scores every row by a fit to the other folds, and fits the density to all rows: every row serves both,
        and the rate is kept nearly: the density of all rows is a little better than those of the folds, which makes
        alarms rarer (80 rows, a rate of 0.049: 0.040 to 0.045; 400 rows: 0.050). "split" fits the density to one part
        of the rows and takes the threshold from the other: the rate is kept exactly, for any law and any density.
    held_out : float, default 0.3
        Share of the rows that give the threshold, with "split".
    n_folds : int, default 5
        Of "cross".
    random_state : None, int, numpy.random.RandomState, Generator or SeedSequence
        Divides the rows, and of the default density also seeds the fit.

    Attributes
    ----------
    density_ : estimator
        The fitted density.
    held_out_scores_ : ndarray of shape (n_held_out,)
        Sorted log-densities of rows that their density had not seen.
    offset_ : float
        The threshold, in nats; minus infinity, with a warning, where there are fewer held-out rows than
        1 / false_alarm_rate - 1, and then no row is odd.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        If X had any.

    See Also
    --------
    sklearn.ensemble.IsolationForest, sklearn.neighbors.LocalOutlierFactor

    Notes
    -----
    The rows of `fit` should be free of novelties: a share of them in the held-out rows lowers the threshold.
    "Exactly" means over all data sets that could have been drawn: for the one at hand, the rate of n held-out rows
    varies as a Beta law does, with a standard deviation of about sqrt(rate / n).

    References
    ----------
    Bates, Candès, Lei, Romano and Sesia, Testing for outliers with conformal p-values, Annals of Statistics 51, 2023.

    Examples
    --------
    >>> import fastebm as fe
    >>> truth = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
    >>> novelty = fe.EnergyNovelty(false_alarm_rate=0.05, random_state=0).fit(truth.exact_sample(1000, seed=1))
    >>> novelty.predict([[-2.0], [0.0], [6.0]]).tolist()
    [1, -1, -1]
    """

    def __init__(
        self,
        density=None,
        *,
        false_alarm_rate=0.01,
        method="cross",
        held_out=0.3,
        n_folds=5,
        random_state=None,
    ):
        self.density = density
        self.false_alarm_rate = false_alarm_rate
        self.method = method
        self.held_out = held_out
        self.n_folds = n_folds
        self.random_state = random_state

    def fit(self, X, y=None):
        """Fit the density, and take the threshold from rows that it has not seen.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        EnergyNovelty
            Itself.

        Raises
        ------
        ValueError, TypeError
            If X or a parameter is out of range.
        """
        x = validate_data(self, X, dtype=np.float64, order="C", ensure_min_samples=4)
        rate = real(self.false_alarm_rate, "false_alarm_rate", above=0, below=1)
        choice(self.method, "method", METHODS)
        divide, seed = sequence_of(self.random_state).spawn(2)
        order = np.random.default_rng(divide).permutation(len(x))
        x = self._table(X, x)
        density, scores = (self._split if self.method == "split" else self._cross)(x, order, seed)
        self.density_, self.held_out_scores_ = density, np.sort(scores)
        self.offset_ = conformal.threshold(scores, rate)
        if np.isneginf(self.offset_):
            n = len(scores)
            if rate < (1 - 1e-12) / (n + 1):
                why = (
                    f"{n} held-out rows cannot answer for a false-alarm rate of {rate:g}, so no row will be odd; give "
                    f"{conformal.smallest_rate(n):.2g} or more, more rows, or method='cross'"
                )
            else:
                why = (
                    f"{int(np.isneginf(scores).sum())} of {n} held-out rows have a density of 0, and a false-alarm "
                    f"rate of {rate:g} allows no more, so no row will be odd; give a higher rate, or a density that is "
                    "nowhere 0"
                )
            warnings.warn(why, FastEBMWarning, stacklevel=2)
        return self

    def _table(self, X, x):
        """X itself where its columns have names that the density may ask for; else its numbers."""
        return X if hasattr(self, "feature_names_in_") and hasattr(X, "columns") else x

    def _split(self, x, order, seed):
        share = real(self.held_out, "held_out", above=0, below=1)
        n = min(max(1, round(share * len(order))), len(order) - 2)
        density = self._fitted(_safe_indexing(x, np.sort(order[n:])), seed)
        return density, density.score_samples(_safe_indexing(x, np.sort(order[:n])))

    def _cross(self, x, order, seed):
        folds = integer(self.n_folds, "n_folds", 2)
        n = len(order)
        scores = np.empty(n)
        for part in np.array_split(order, min(folds, n // 2)):
            rest = _safe_indexing(x, np.delete(np.arange(n), part))
            scores[part] = self._fitted(rest, seed).score_samples(_safe_indexing(x, part))
        return self._fitted(x, seed), scores

    def _fitted(self, x, seed):
        if self.density is not None:
            return clone(self.density).fit(x)
        return EnergyDensity(random_state=seed).fit(x)

    def score_samples(self, X):
        """log p(x) of every row of X, in nats: high for rows like those that were fitted."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=np.float64, order="C")
        return self.density_.score_samples(self._table(X, x))

    def decision_function(self, X):
        """`score_samples` less the threshold, in nats: negative for odd rows."""
        log_p = self.score_samples(X)
        # Both may be minus infinity: a row as low as the threshold is not below it.
        return np.subtract(log_p, self.offset_, out=np.zeros(len(log_p)), where=log_p != self.offset_)

    def predict(self, X):
        """-1 for odd rows, 1 for the others.

        Returns
        -------
        ndarray of int, shape (n_samples,)
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def p_values(self, X):
        """The smallest false-alarm rate at which every row would be odd.

        For a row of the law that was fitted, p <= u has a probability of u at most. Of many rows, the method of
        Benjamini and Hochberg on these keeps the share of false alarms among all alarms (`scipy.stats.
        false_discovery_control`).

        Returns
        -------
        ndarray of shape (n_samples,)
            Between 1 / (n_held_out + 1) and 1.
        """
        return conformal.p_values(self.held_out_scores_, self.score_samples(X))
