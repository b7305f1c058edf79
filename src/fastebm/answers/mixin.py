"""What a fitted estimator answers beyond the density: methods of `EnergyDensity`."""

from __future__ import annotations

import numpy as np

from .conditional import conditional_sample, impute
from .odd_cells import Explanation, explain
from .scikit import Transforming, check_is_fitted, sequence_of, validate_data


class Answers(Transforming):
    """Methods of an estimator that has ``model_`` and `predict_proba`."""

    def fit_predict(self, X, y=None, **fit_params):
        """Fit, and return the well with the largest share at every row of X.

        Parameters
        ----------
        X, y, **fit_params
            As `fit` has them.

        Returns
        -------
        ndarray of int, shape (n_samples,)
        """
        return self.fit(X, y, **fit_params).predict(X)

    def transform(self, X):
        """Share of each well at every row, as `predict_proba`: what a pipeline passes on, in the container that
        `set_output` asks for.

        Returns
        -------
        ndarray or data frame of shape (n_samples, n_modes)
        """
        return self.predict_proba(X)

    @property
    def _n_features_out(self):
        if hasattr(self, "model_") and not hasattr(self, "n_wells_"):
            raise ValueError(
                "the density has no wells, so transform has no columns; score_samples has the log-densities"
            )
        return self.n_wells_

    def sample_conditional(self, row, n_samples=1, random_state=None):
        """Draw rows of which some cells are known; see `fastebm.conditional_sample`.

        Parameters
        ----------
        row : array-like of shape (n_features,), or dict
            NaN in every cell that is to be drawn, or {name or number of a feature: value}.
        n_samples : int, default 1
        random_state : None, int, RandomState, Generator or SeedSequence
            By default the estimator's own.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Whole rows, in the units of X.
        """
        check_is_fitted(self)
        return conditional_sample(self.model_, row, n_samples, seed=self._stream(random_state)).x

    def impute(self, X, how="mean", random_state=None):
        """Fill missing cells (NaN) in; see `fastebm.impute`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        how : {"mean", "draw"}, default "mean"
        random_state : None, int, RandomState, Generator or SeedSequence
            By default the estimator's own.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        return impute(self.model_, x, how=how, seed=self._stream(random_state))

    def explain(self, X) -> Explanation:
        """Which cell makes every row odd? See `fastebm.explain`."""
        check_is_fitted(self)
        return explain(self.model_, self._validated(X, reset=False))

    def _stream(self, random_state):
        # The fifth child of the estimator's own seed: fit and sample have others.
        own = random_state is None
        sequence = sequence_of(self.random_state if own else random_state)
        return sequence.spawn(5)[4] if own else sequence
