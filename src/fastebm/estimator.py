"""A scikit-learn density estimator."""

from __future__ import annotations

import numbers

import numpy as np

from ._runtime.check import describe
from .answers.mixin import Answers
from .answers.scikit import BaseEstimator, DensityMixin, check_is_fitted, sequence_of, validate_data
from .energies.base import Energy
from .fitting.auto import fit_auto_rows
from .fitting.network import fit_network_rows
from .fitting.prepared import PreparedDensity, prepared, wells_of
from .fitting.scaled_network import ScaledNetwork
from .fitting.scaled_wells import ScaledWells, fit_rows
from .fitting.selection import choose_n_wells
from .fitting.weighted import checked_weights, counted, thinned
from .preprocess import is_asked, prepare_rows

MODELS = ("wells", "auto", "network")


class EnergyDensity(Answers, DensityMixin, BaseEstimator):
    """Density estimation with an energy: smooth wells, a network, or one of your own.

    By default the density is a Gaussian mixture with diagonal or full covariances, trained as an energy-based model.
    With ``model="network"`` it is a network that tilts a normal law, certified on held-out rows, where that is clearly
    better.

    The data are standardised inside; everything reported is in the units of X.

    Parameters
    ----------
    n_wells : int or "auto", default 2
        Number of wells. "auto" takes the smallest number that the best one leads in held-out log-likelihood by no more
        than one standard error.
    model : {"wells", "auto", "network"} or Energy, default "wells"
        "auto" chooses by held-out likelihood among wells of all kinds and numbers and a network, see `fit_auto`; of the
        parameters that follow only `max_wells`, `n_folds`, `hidden`, `max_seconds` and `preprocess` matter then.
        "network": see `fit_network`, which also falls back to wells, with a warning, where a network is not better.
        An energy is trained as it is, in the units of X, without being changed itself. The parameters that follow, up
        to `n_folds`, are then without effect, except for `n_updates`, `n_chains` and `learning_rate`.
    recipe : {"auto", "contrastive", "em"}, default "auto"
        "contrastive" trains the energy against its own Markov chains (`ContrastiveDivergence`). "em" finds the
        maximum-likelihood optimum of the same family by expectation-maximisation. "auto" is "contrastive" in up to
        three features, where the chains find the share of every well, and "em" above.
    n_updates : int, optional
        Updates of training; by default 800, of a network 4,000.
    n_chains : int, optional
        Chains of training; by default 256 for up to three features, 1024 above; of a network 256.
    learning_rate : float, optional
        Of Adam, in standardised units; by default 0.02 for up to three features, 0.005 above; of a network 0.003.
    n_init : int or "auto", default "auto"
        Starts, of which the best by likelihood counts; see `fit_wells`. 1 is k-means alone.
    covariance : {"diag", "full"}, default "diag"
        May the features of a well be correlated? See `fit_wells`.
    tails : {"normal", "student"}, default "normal"
        Of the wells: with "student" they bear outliers. See `fit_wells`.
    polish : "auto" or False, default "auto"
        Take trained wells on to the exact optimum that they belong to; see `fit_wells`.
    max_wells : int, optional
        Largest number of wells that "auto" tries; by default as many as the data bear.
    n_folds : int, default 5
        Folds of the held-out likelihood.
    hidden, base, validation, max_seconds
        Of a network: see `fit_network`.
    preprocess : None, "none", "auto" or dict, default None
        Transform the columns first. None is "none", but for ``model="auto"``, which does so where rows that were not
        fitted gain by it: see `fit_auto`. "auto" takes logarithms and Yeo-Johnson powers of skewed and of non-negative
        columns, adds noise to rounded ones, and leaves out constants and copies; a dict has methods by name or number
        of the column, as ``{"hour": ("cyclic", 24)}``. See `Preprocessing.fit`. Everything reported stays in the units
        of X.
    random_state : None, int, numpy.random.RandomState, Generator or SeedSequence
        An int makes `fit` and `sample` repeat themselves, byte for byte. None uses NumPy's global state, as
        scikit-learn does.

    Attributes
    ----------
    n_wells_ : int
        Number of wells of the fit. Where the density is no wells, neither this nor the next two lines are there.
    weights_ : ndarray of shape ``(n_wells_,)``
        Mass of each well; sums to 1.
    means_, stds_ : ndarray of shape ``(n_wells_, n_features)``
        Centre and standard deviation of each well, in the units of X.
    covariances_ : ndarray of shape ``(n_wells_, n_features)``, or ``(n_wells_, n_features, n_features)``
        Variances of each well, or with "full" its covariance matrix, as `sklearn.mixture.GaussianMixture` has them.
    degrees_of_freedom_ : ndarray of shape ``(n_wells_,)``
        Of each well; only with ``tails="student"``.
    energy_ : Energy
        -log p(x) in the units of X: a `WellMixture` or a `StudentTMixture` where its range of widths allows, else a
        `PythonEnergy`.
    model_ : ScaledWells or ScaledNetwork, or PreparedDensity with preprocess
        The fit itself, with the standardisation (offset, scale) and the training run.
    training_ : TrainingResult or None
        The training run, in standardised units; None after EM.
    warnings_ : list of Diagnostic
        What the checks of the fit found; see `fastebm.diagnose`.
    held_out_ : ndarray of shape (candidates,) or None
        Structured: ``n_wells``, ``log_likelihood`` (mean per held-out sample) and ``gain`` (lead of the best number, in
        standard errors). None unless n_wells is "auto".
    candidates_ : ndarray of shape (candidates,) or None
        What ``model="auto"`` tried, the likeliest first: see `fit_auto`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if X had any.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    See Also
    --------
    sklearn.mixture.GaussianMixture : the closest estimator of scikit-learn.

    Notes
    -----
    A well is never narrower than 0.058 nor wider than 8.6 standard deviations of the data; with full covariance 0.00064
    and 775, along every direction.

    Examples
    --------
    >>> import fastebm as fe
    >>> truth = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
    >>> X = 1000.0 * truth.exact_sample(2400, seed=1)
    >>> density = fe.EnergyDensity(random_state=0).fit(X)
    >>> density.sample(3).shape
    (3, 1)
    >>> bool(abs(density.means_.min() + 2000) < 100)
    True
    """

    def __init__(
        self,
        n_wells=2,
        *,
        model="wells",
        recipe="auto",
        n_updates=None,
        n_chains=None,
        learning_rate=None,
        n_init="auto",
        covariance="diag",
        tails="normal",
        polish="auto",
        max_wells=None,
        n_folds=5,
        hidden="auto",
        base="auto",
        validation=0.2,
        max_seconds=None,
        preprocess=None,
        random_state=None,
    ):
        self.n_wells = n_wells
        self.model = model
        self.recipe = recipe
        self.n_updates = n_updates
        self.n_chains = n_chains
        self.learning_rate = learning_rate
        self.n_init = n_init
        self.covariance = covariance
        self.tails = tails
        self.polish = polish
        self.max_wells = max_wells
        self.n_folds = n_folds
        self.hidden = hidden
        self.base = base
        self.validation = validation
        self.max_seconds = max_seconds
        self.preprocess = preprocess
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None, *, X_val=None):
        """Fit the density to X.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Finite real numbers, at least two rows.
        y : None
            Ignored; there for pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            For wells: how many rows each stands for, up to a factor; see `fit_wells`. With ``n_wells="auto"`` the
            number is chosen on a sample of the rows, each kept with a probability that goes with its weight.
        X_val : array-like of shape (n, n_features), optional
            For a network: rows that are held out, in place of a share of X.

        Returns
        -------
        EnergyDensity
            Itself.

        Raises
        ------
        ValueError, TypeError
            If X or a parameter is out of range.
        TrainingError
            If training meets a value that is not finite.
        """
        before = dict(vars(self))
        try:
            return self._fit(X, X_val, sample_weight)
        except BaseException:
            # Validation notes the new features first; a fit that fails leaves the old one whole.
            vars(self).clear()
            vars(self).update(before)
            raise

    def _fit(self, X, X_val, sample_weight):
        x = self._validated(X, reset=True)
        weights = checked_weights(sample_weight, len(x))
        if not isinstance(self.model, Energy) and self.model not in MODELS:
            raise ValueError(
                f"model must be 'wells', 'auto', 'network' or an energy, got {describe(self.model)}"
            )
        if self.model != "wells" and weights is not None:
            raise ValueError(
                "sample_weight is for model='wells'; otherwise draw rows by their weights: "
                "X[numpy.random.default_rng(0).choice(len(X), len(X), p=w / w.sum())]"
            )
        if self.model in ("wells", "auto") and X_val is not None:
            raise ValueError(
                f"X_val is for model='network' or an energy; model={self.model!r} has folds of its own"
            )
        x, weights = counted(x, weights)
        rows, names, preparation = x, getattr(self, "feature_names_in_", None), None
        if is_asked(self.preprocess):
            # The fourth child of the seed: `fit` has the first two, `sample` the third.
            noise = sequence_of(self.random_state).spawn(4)[3]
            x, preparation = prepare_rows(x, names, self.preprocess, noise)
            names = preparation.kept_names
        if self.model == "auto":
            return self._fit_auto(x, names, preparation, rows)
        if self.model != "wells":
            return self._fit_network(x, X_val, names, preparation, rows)
        chooser, stream = sequence_of(self.random_state).spawn(2)
        settings = {
            "recipe": self.recipe,
            "n_updates": 800 if self.n_updates is None else self.n_updates,
            "n_chains": self.n_chains,
            "learning_rate": self.learning_rate,
            "n_init": self.n_init,
            "covariance": self.covariance,
            "tails": self.tails,
            "polish": self.polish,
            "names": names,
        }
        n_wells, held_out = self.n_wells, None
        if isinstance(n_wells, str):
            if n_wells != "auto":
                raise ValueError(f"n_wells must be an integer or 'auto', got {describe(n_wells)}")
            part = x
            if weights is not None:
                part = thinned(x, weights, np.random.default_rng(chooser.spawn(1)[0]))
            n_wells, held_out = choose_n_wells(
                part,
                max_wells=self.max_wells,
                n_folds=self.n_folds,
                seed=chooser,
                **settings,
            )
            if preparation is not None:
                # Of x, not of z. (Folds share the transforms, whose few parameters all rows have told.)
                held_out["log_likelihood"] += preparation._mean_log_slope(part)
        fit = fit_rows(x, n_wells, weights=weights, seed=stream, **settings)
        self._adopt(fit if preparation is None else prepared(preparation, fit, rows), held_out)
        return self

    def _fit_auto(self, x, names, preparation, rows):
        fit = fit_auto_rows(
            x,
            max_wells=self.max_wells,
            n_folds=self.n_folds,
            hidden=self.hidden,
            max_seconds=self.max_seconds,
            seed=sequence_of(self.random_state).spawn(2)[1],
            names=names,
            preprocess="choose" if self.preprocess is None else None,
        )
        if preparation is not None:
            fit.candidates["log_likelihood"] += preparation._mean_log_slope(x)
            fit = prepared(preparation, fit, rows)
        self._adopt(fit, None)
        return self

    def _fit_network(self, x, X_val, names, preparation, rows):
        x_val = None if X_val is None else self._validated(X_val, reset=False)
        if x_val is not None and preparation is not None:
            x_val = preparation.transform(x_val)
        fit = fit_network_rows(
            x,
            self.model if isinstance(self.model, Energy) else None,
            hidden=self.hidden,
            base=self.base,
            x_val=x_val,
            validation=self.validation,
            n_updates=self.n_updates,
            n_chains=self.n_chains,
            learning_rate=self.learning_rate,
            max_seconds=self.max_seconds,
            # The second child, as for wells; `sample` has the third.
            seed=sequence_of(self.random_state).spawn(2)[1],
            names=names,
        )
        self._adopt(fit if preparation is None else prepared(preparation, fit, rows), None)
        return self

    def _adopt(self, model: ScaledWells | ScaledNetwork | PreparedDensity, held_out):
        self.model_ = model
        self.held_out_ = held_out
        for name in ("n_wells_", "weights_", "means_", "stds_", "covariances_", "degrees_of_freedom_"):
            # Of an earlier fit.
            self.__dict__.pop(name, None)
        self.candidates_ = getattr(getattr(model, "inner", model), "candidates", None)
        self.energy_ = model.energy_
        self.training_ = model.training
        self.warnings_ = model.warnings
        wells = wells_of(model)
        if wells is not None:
            self._adopt_wells(wells)

    def _adopt_wells(self, model: ScaledWells | PreparedDensity):
        self.n_wells_ = model.n_wells
        self.weights_, self.means_, self.stds_ = model.weights_, model.means_, model.stds_
        self.covariances_ = model.covariances_ if model.covariance == "full" else self.stds_**2
        if model.degrees_of_freedom_ is not None:
            self.degrees_of_freedom_ = model.degrees_of_freedom_

    def _validated(self, X, reset):
        if isinstance(X, np.ma.MaskedArray) and np.ma.getmaskarray(X).any():
            raise ValueError("X has masked entries; fill or drop them first")
        return validate_data(
            self, X, reset=reset, dtype=np.float64, order="C", ensure_min_samples=2 if reset else 1
        )

    def score_samples(self, X):
        """log p(x) of every row of X, in nats, for the density per unit of X.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.model_._log_prob(self._validated(X, reset=False))

    def score(self, X, y=None):
        """Mean log-likelihood per sample, in nats.

        The mean, as `sklearn.mixture.GaussianMixture` has it; `KernelDensity` sums.
        """
        return float(self.score_samples(X).mean())

    def aic(self, X):
        """Akaike's criterion, in nats times two; lower is better."""
        return 2 * self._n_free() - 2 * self.score_samples(X).sum()

    def bic(self, X):
        """Bayesian criterion, in nats times two; lower is better."""
        log_p = self.score_samples(X)
        return np.log(len(log_p)) * self._n_free() - 2 * log_p.sum()

    def _n_free(self):
        # The parameters of the wells; k counts as masses, which sum to 1, and c is not free. Those of transforms too.
        check_is_fitted(self)
        wells = wells_of(self.model_)
        if wells is None:
            raise ValueError(
                "the weights of a network are no count of free parameters; compare score(X) on rows that were not "
                "fitted, or model_.held_out"
            )
        if isinstance(wells, PreparedDensity):
            return wells.wells.wells.n_params - 2 + wells.preparation.n_free
        return wells.wells.n_params - 2

    def predict_proba(self, X):
        """Share of each well in the density at every row of X.

        Returns
        -------
        ndarray of shape (n_samples, n_modes)
            Rows sum to 1.

        Raises
        ------
        ValueError
            If the density has no wells.
        """
        check_is_fitted(self)
        x = self._validated(X, reset=False)
        wells = wells_of(self.model_)
        if wells is None:
            raise ValueError(
                "a network has no wells to assign rows to; score_samples tells how likely rows are, and "
                "EnergyDensity(model='wells') has predict and predict_proba"
            )
        return wells._shares(x)

    def predict(self, X):
        """The well with the largest share at every row of X, counted from 0.

        Returns
        -------
        ndarray of int, shape (n_samples,)
        """
        return self.predict_proba(X).argmax(axis=1)

    def sample(self, n_samples=1, random_state=None):
        """Draw independent samples, in the units of X.

        Parameters
        ----------
        n_samples : int, default 1
            At least 1.
        random_state : None, int, RandomState, Generator or SeedSequence
            By default the estimator's own, so that an int there gives the same samples at every call.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The samples alone, as `sklearn.neighbors.KernelDensity` has it.
        """
        check_is_fitted(self)
        if not isinstance(n_samples, numbers.Integral) or isinstance(n_samples, bool) or n_samples < 1:
            raise ValueError(f"n_samples must be an integer of at least 1, got {describe(n_samples)}")
        own = random_state is None
        sequence = sequence_of(self.random_state if own else random_state)
        # The third child of the estimator's own seed: `fit` has the first two.
        return self.model_.sample(int(n_samples), seed=sequence.spawn(3)[2] if own else sequence)
