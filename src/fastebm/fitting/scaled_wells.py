"""A well mixture fitted on standardised data and reported in the user's units. Knows no scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .._runtime import html
from .._runtime.check import check_size, choice, describe, integer, rows, samples
from .._runtime.seed import seed_sequence
from ..energies.base import Energy
from ..energies.python_energy import PythonEnergy
from ..energies.student_mixture import StudentTMixture
from ..energies.well_mixture import WellMixture
from ..energies.well_theta import COVARIANCES
from ..mixtures.heavy import search_heavy
from ..mixtures.held_out import held_out_scores
from ..mixtures.normalise import normalised
from ..mixtures.optimum import STARTS, optimum
from ..mixtures.polish import polished
from ..mixtures.search import n_starts, search, widths_of
from ..mixtures.starts import check_distinct, place_wells
from ..preprocess import is_asked, prepare_rows
from ..training.after_fit import check_strict, conclude
from ..training.contrastive import ContrastiveDivergence
from ..training.recipes import GLOBAL_MOVE_FEATURES
from ..training.result import TrainingResult
from .prepared import PreparedDensity, prepared
from .standardise import standardise
from .weighted import NOT_CHECKED, checked_weights, counted, written_out

RECIPES = ("auto", "contrastive", "em")
TAILS = ("normal", "student")
POLISH = ("auto", False)
# The number of wells is chosen on at most this many rows.
SELECTION_ROWS = 20_000
# (learning rate of Adam, chains) with a global move, and without one, where the chains carry Jarzynski weights. Mean
# log-likelihood lost against EM on 21 mixtures in 1 to 3 dimensions: at most 0.0024 nats (plain steps of 0.1: up to
# 0.06, for narrow wells need shorter ones). In 4 to 10 dimensions: 0.0005 to 0.25 (six wells in ten dimensions), which
# is why "auto" takes EM there.
MIXING, WEIGHTED = (0.02, 256), (0.005, 1024)
# EM stops at a gain below this, in nats per sample, or after so many steps.
EM_TOLERANCE, EM_STEPS = 1e-8, 5000
# A better fit that the check of a training finds is taken where it gains this, in nats per sample.
WORTH = 1e-3


class _Rescaled:
    """Energy and gradient of standardised wells, as functions of x in the user's units. Picklable."""

    def __init__(self, wells: WellMixture | StudentTMixture, offset: np.ndarray, scale: np.ndarray):
        self.wells, self.offset, self.scale = wells, offset, scale
        self.log_jacobian = float(np.log(scale).sum())

    def energy(self, X):
        return self.wells.energy((X - self.offset) / self.scale) + self.log_jacobian

    def grad(self, X):
        return self.wells.grad((X - self.offset) / self.scale) / self.scale


@dataclass(frozen=True, eq=False)
class ScaledWells(html.Shown):
    """A fitted density. Below, "units of x" are the user's.

    Attributes
    ----------
    wells : WellMixture or StudentTMixture
        The energy on standardised data z = (x - offset) / scale.
    offset, scale : ndarray of shape (n_features,)
        Mean and standard deviation of the data, in units of x; of columns with far outliers, after these were drawn
        nearer.
    training : TrainingResult or None
        The run that fitted the wells, in standardised units; None after EM.
    names : tuple of str or None
        Names of the features, if they were given.
    warnings : list of Diagnostic
        What the checks have to say about this fit; empty if nothing gives cause for doubt in what was checked. Those
        of the training run alone are in ``training.warnings``.
    not_checked : list of str
        What was not looked at, and why.
    gained : float
        Mean log-likelihood, in nats a row, of these wells above that of the trained ones: what EM gained from them, and
        the check of the training run from other starts. 0 where the trained ones were best.
    polished : bool
        Did EM go on from what training had found? ``training.energy`` is as it was trained.
    held_out_scores : ndarray of shape (n,) or None
        Sorted log-densities, in units of x, of up to 5,000 rows under wells that have not seen them: the scale on which
        `fastebm score --flag` calls a row odd. None without the checks.

    Examples
    --------
    >>> import fastebm as fe
    >>> fit = fe.fit_wells(fe.datasets.load_old_faithful(), 2, seed=1)
    >>> print(fit.means_[np.argsort(fit.means_[:, 0])].round(1))
    [[ 2.  54.5]
     [ 4.3 80. ]]
    """

    wells: WellMixture | StudentTMixture
    offset: np.ndarray
    scale: np.ndarray
    training: TrainingResult | None = None
    names: tuple[str, ...] | None = None
    warnings: list = field(default_factory=list)
    not_checked: list = field(default_factory=list)
    gained: float = 0.0
    n_init: int = 1
    candidates: np.ndarray | None = None
    polished: bool = False
    held_out_scores: np.ndarray | None = None

    @property
    def n_wells(self) -> int:
        """Number of wells."""
        return self.wells.n_wells

    @property
    def n_features(self) -> int:
        """Dimension of x."""
        return self.wells.n_features

    @property
    def weights_(self) -> np.ndarray:
        """Mass of each well, shape (n_wells,), sums to 1."""
        return self.wells.mode_shares

    @property
    def means_(self) -> np.ndarray:
        """Centres, shape (n_wells, n_features), in units of x."""
        return self.offset + self.scale * self.wells.modes

    @property
    def stds_(self) -> np.ndarray:
        """Standard deviations, shape (n_wells, n_features), in units of x."""
        return self.scale * self.wells.stds_

    @property
    def degrees_of_freedom_(self) -> np.ndarray | None:
        """Degrees of freedom of each well with heavy tails, shape (n_wells,); None of normal wells."""
        return getattr(self.wells, "degrees_of_freedom_", None)

    @property
    def scales_(self) -> np.ndarray:
        """Scales, shape (n_wells, n_features), in units of x: of normal wells `stds_`, of others the root of
        (df - 2) / df times as much."""
        return self.scale * self.wells.mode_scales

    @property
    def covariance(self) -> str:
        """Of the wells: "diag" or "full"."""
        return self.wells.covariance

    @property
    def covariances_(self) -> np.ndarray:
        """Covariances, shape (n_wells, n_features, n_features), in units of x squared."""
        return np.outer(self.scale, self.scale) * self.wells.covariances_

    @property
    def energy_(self) -> Energy:
        """The normalised energy -log p(x) in units of x.

        A `WellMixture` where its range of widths (0.0581 to 8.61, of full wells 0.00064 to 775) allows it, or a
        `StudentTMixture` (0.00064 to 775). Else a `PythonEnergy` of the same density, slower to sample; its log Z is 0
        too, though it does not know that.
        """
        same = self.wells._rescaled(self.offset, self.scale)
        if same is not None:
            return same
        rescaled = _Rescaled(normalised(self.wells), self.offset, self.scale)
        return PythonEnergy(rescaled.energy, rescaled.grad, self.n_features)

    def _html(self) -> str:
        head = ("well", "weight", *(self.names or [f"x{i + 1}" for i in range(self.n_features)]))
        wells = [
            (j + 1, f"{w:.4f}", *(f"{m:.4g} ± {s:.3g}" for m, s in zip(mean, std, strict=True)))
            for j, (w, mean, std) in enumerate(zip(self.weights_, self.means_, self.stds_, strict=True))
        ]
        rows = [("wells", self.n_wells), ("covariance", self.covariance)]
        if self.degrees_of_freedom_ is not None:
            rows += [("degrees of freedom", ", ".join(f"{df:.3g}" for df in self.degrees_of_freedom_))]
        rows += [("found by", "EM" if self.training is None else "contrastive training")]
        return html.card(
            "ScaledWells", rows, html.table(wells, head), html.verdict(self.warnings, self.not_checked)
        )

    def score_samples(self, X) -> np.ndarray:
        """log p(x) of every row of X, shape (n_samples,), a density per unit of x."""
        return self._log_prob(samples(X, self.n_features)[0])

    def _log_prob(self, x: np.ndarray) -> np.ndarray:
        return self.wells.log_prob((x - self.offset) / self.scale) - float(np.log(self.scale).sum())

    def _shares(self, x: np.ndarray) -> np.ndarray:
        """Share of each well in the density at every row of x, shape (n_samples, n_wells)."""
        return self.wells.shares((x - self.offset) / self.scale)

    def sample(self, n: int, seed=None) -> np.ndarray:
        """Draw n independent samples, shape (n, n_features), in units of x."""
        return self.offset + self.scale * self.wells.exact_sample(n, seed=seed)


def fit_wells(
    X,
    n_wells=2,
    *,
    recipe="auto",
    n_updates=800,
    n_chains=None,
    learning_rate=None,
    n_init="auto",
    covariance="diag",
    tails="normal",
    polish="auto",
    sample_weight=None,
    seed=None,
    progress=False,
    names=None,
    preprocess=None,
    diagnose=True,
    strict=False,
) -> ScaledWells | PreparedDensity:
    """Fit a well mixture to X in any units.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Finite data of at least two rows; no feature constant.
    n_wells : int, default 2
        At most the number of distinct rows of X.
    recipe : {"auto", "contrastive", "em"}, default "auto"
        "contrastive" trains the energy on its own chains; "em" finds the maximum-likelihood optimum of the same
        family. "auto" is "contrastive" in up to three features, where the chains find the share of every well, and
        "em" above.
    n_updates, n_chains, learning_rate : int, int, float
        Of `ContrastiveDivergence`, with Adam. By default 256 chains at 0.02 in up to three features, and above that
        1024 weighted chains at 0.005.
    n_init : int or "auto", default "auto"
        Starts: k-means, random rows, random wells, splits of the best; the best by likelihood is the fit of "em" and
        where "contrastive" starts. "auto" is 8 + n_wells, fewer where each costs much; 1 is k-means alone.
    covariance : {"diag", "full"}, default "diag"
        May the features of a well be correlated? With "full" the standard deviation of a well along every direction is
        kept above 0.00064 of those of the data (and below 775), by clipping the eigenvalues of its covariance; a well
        that ends there is reported where it costs likelihood, and one with fewer rows than 2 (n_features + 1) is taken
        only if no start leads to anything else.
    tails : {"normal", "student"}, default "normal"
        Of the wells. With "student" they bear outliers, as those of a `StudentTMixture`, each with its own degrees of
        freedom between 2.1 and 200, found by likelihood: ``recipe`` is "auto" or "em".
    polish : "auto" or False, default "auto"
        Go on from trained wells by EM, which never lowers their exact likelihood, to the optimum that they belong to:
        in three features the masses of trained wells were off by 0.010 (median of 40 mixtures; at most 0.027) where the
        likelihood lacked 0.003 nats a row at most. False keeps them as they were trained.
    sample_weight : array-like of shape (n_samples,), optional
        How many rows each stands for, up to a factor; 0 leaves it out. The search, training and the checks see rows
        written out by their weights (up to 8 times as many, or 20,000), and the polish takes the exact ones.
    seed : None, int, SeedSequence or Generator
    progress : bool, default False
        Show a progress bar (needs tqdm).
    names : sequence of str, optional
        Names of the features, for messages.
    preprocess : None, "none", "auto" or dict, default None
        Transform the columns first: see `Preprocessing.fit`. The fit is then a `PreparedDensity`.
    diagnose : bool, default True
        Check the fit (`fastebm.diagnose`): its ``warnings`` say what was found, and an error among them is a
        `FastEBMWarning` too. A trained fit is compared with EM from itself and from other starts, and the better one
        is taken (``gained``).
    strict : bool, default False
        Raise UntrustedFitError where the checks have any warning.

    Returns
    -------
    ScaledWells, or PreparedDensity with preprocess

    Raises
    ------
    ValueError, TypeError
        If X or an argument is out of range.
    TrainingError
        If training meets a value that is not finite.
    UntrustedFitError
        With strict=True, if there are warnings. It carries the fit.

    Examples
    --------
    >>> import fastebm as fe
    >>> fit = fe.fit_wells(fe.datasets.load_old_faithful()[:, 0], 2, seed=1)
    >>> fit.warnings, fit.weights_.round(2), fit.sample(3, seed=2).shape
    ([], array([0.35, 0.65]), (3, 1))
    """
    check_strict(strict, diagnose)
    settings = {
        "recipe": recipe,
        "n_updates": n_updates,
        "n_chains": n_chains,
        "learning_rate": learning_rate,
        "n_init": n_init,
        "covariance": covariance,
        "tails": tails,
        "polish": polish,
        "progress": progress,
        "diagnose": diagnose,
    }
    x = rows(X)
    x, settings["weights"] = counted(x, checked_weights(sample_weight, len(x)))
    if not is_asked(preprocess):
        return fit_rows(x, n_wells, seed=seed, names=names, strict=strict, **settings)
    noise, stream = seed_sequence(seed).spawn(2)
    z, preparation = prepare_rows(x, names, preprocess, noise)
    fit = fit_rows(z, n_wells, seed=stream, names=preparation.kept_names, **settings)
    return prepared(preparation, fit, x, diagnose, strict)


def fit_rows(
    x: np.ndarray,
    n_wells,
    *,
    recipe,
    n_updates,
    n_chains,
    learning_rate,
    n_init,
    covariance="diag",
    tails="normal",
    polish="auto",
    weights=None,
    seed,
    progress=False,
    names=None,
    diagnose=True,
    strict=False,
) -> ScaledWells:
    """As `fit_wells`, on checked rows, with weights above 0 of mean 1."""
    k = integer(n_wells, "n_wells", 1)
    choice(recipe, "recipe", RECIPES)
    choice(covariance, "covariance", COVARIANCES)
    heavy = choice(tails, "tails", TAILS) == "student"
    if heavy and recipe == "contrastive":
        raise ValueError(
            "tails='student' is fitted by likelihood, not by recipe='contrastive': leave the recipe out, or train a "
            "StudentTMixture with ContrastiveDivergence"
        )
    if polish not in POLISH:
        raise ValueError(f"polish must be 'auto' or False, got {describe(polish)}")
    seen = x if weights is None else written_out(x, weights)
    offset, scale = standardise(seen, names)
    z = (seen - offset) / scale
    start, stream, look = seed_sequence(seed).spawn(3)
    named = None if names is None else tuple(map(str, names))
    mixing = z.shape[1] <= GLOBAL_MOVE_FEATURES
    by_likelihood = heavy or recipe == "em" or (recipe == "auto" and not mixing)
    starts = n_starts(n_init, z, k, covariance)
    wells = _start(z, k, starts, start, by_likelihood, covariance, heavy)
    training, gained, climbs = None, 0.0, polish == "auto" and not by_likelihood
    if not by_likelihood:
        rate, chains = MIXING if mixing else WEIGHTED
        trainer = ContrastiveDivergence(
            wells,
            n_updates=n_updates,
            n_chains=chains if n_chains is None else n_chains,
            learning_rate=rate if learning_rate is None else learning_rate,
            optimizer="adam",
            weighting="none" if mixing else "jarzynski",
        )
        training = trainer._fit(z, False, stream, progress, diagnose=diagnose, heard=False)
        wells = normalised(training.energy)
        if climbs:
            wells, gained = polished(z, wells)
        if diagnose:
            best = optimum(z, wells, look, 0 if starts >= STARTS else STARTS)
            starts += STARTS if starts < STARTS else 0
            if best.gain > WORTH:
                wells, gained = best.wells, gained + best.gain
    if weights is not None and (climbs or by_likelihood):
        # Rows that are written out are only about as often as their weights say.
        wells, _ = polished((x - offset) / scale, wells, weights)
    scores = held_out_scores(z, wells, look) if diagnose and weights is None else None
    fit = ScaledWells(
        wells,
        offset,
        scale,
        training,
        named,
        gained=gained,
        n_init=starts,
        polished=climbs,
        held_out_scores=None if scores is None else scores - float(np.log(scale).sum()),
    )
    if weights is not None:
        fit.not_checked.append(NOT_CHECKED)
    return conclude(fit, z, diagnose, strict)


def _start(z, k, n_init, seed, climbed, covariance, heavy=False):
    """The best that n_init starts lead to; without climbed, of a single one the k-means groups themselves."""
    if n_init == 1 and not climbed:
        return place_wells(z, k, seed, covariance)
    check_size(z)
    check_distinct(z, k)
    if heavy:
        return search_heavy(z, k, n_init=n_init, seed=seed, covariance=covariance).wells
    return search(
        z,
        k,
        n_init=n_init,
        seed=seed,
        std_range=widths_of(WellMixture(covariance=covariance)),
        tol=EM_TOLERANCE,
        max_iter=EM_STEPS,
        covariance=covariance,
    ).wells
