"""How good is a model on rows that it has not seen? Its log-likelihood, between two ends."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from .._runtime import html
from .._runtime.check import choice, integer, numeric, real, samples
from .._runtime.errors import CertificateInterrupted, NonFiniteError
from .._runtime.seed import seed_sequence
from .._runtime.threads import resolve
from ..energies.base import as_energy
from . import ais
from .ladder import bars, path, plan
from .log_partition import LogPartition, UntrustedEstimateError, from_weights, log_partition

# Chains for a reverse run, at least: as many groups give its end of the bracket.
FEWEST_CHAINS = ais.GROUPS
# Standard errors between chains and weighted forward runs, in their mean energy or the mean of a feature: among 1,000
# features that follow the same law, more than 6 come once in 500,000 certificates.
MAX_DISAGREEMENT = 6.0
# What quadrature is asked for: nats that nobody will miss, and that a float32 network can give.
RTOL = 1e-5
# Threads share caches and memory: two do the work of 1.6.
SHARE_OF_A_THREAD = 0.8


@dataclass(frozen=True)
class Comparison(html.Shown):
    """A model against another on the same rows, in nats a row; positive where the certified model is better.

    Attributes
    ----------
    lower, upper : float
        Ends of the difference of mean log-likelihoods, from the bracket of log Z.
    standard_error : float
        Of the mean difference over rows: the rows are the same for both, so it is that of paired differences.

    Examples
    --------
    >>> import fastebm as fe
    >>> truth = fe.Gaussian(0.0, 1.0)
    >>> x = truth.exact_sample(1000, seed=1)
    >>> ahead = fe.certificate(truth, x, seed=1).compare(fe.Gaussian(0.0, 4.0).log_prob(x))
    >>> ahead.lower > 3 * ahead.standard_error
    True
    """

    lower: float
    upper: float
    standard_error: float

    @property
    def z(self) -> float:
        """The end of the difference that is nearer to zero, in standard errors; 0 if the ends have different signs."""
        nearest = max(self.lower, 0.0) + min(self.upper, 0.0)
        if nearest == 0.0:
            return 0.0
        return nearest / self.standard_error if self.standard_error > 0 else math.copysign(math.inf, nearest)

    def __str__(self) -> str:
        return (
            f"better by {self.lower:.4g} to {self.upper:.4g} nats a row +- {self.standard_error:.2g} "
            f"(paired; {self.z:.1f} standard errors from 0)"
        )

    def _html(self) -> str:
        rows = [
            ("better by, nats a row", f"{self.lower:.4g} to {self.upper:.4g}"),
            ("standard error (paired)", f"{self.standard_error:.4g}"),
            ("standard errors from 0", f"{self.z:.1f}"),
        ]
        return html.card("Comparison", rows)


@dataclass(frozen=True, eq=False)
class Certificate(html.Shown):
    """Mean log-likelihood of rows under a model, in nats a row.

    Attributes
    ----------
    estimate : LogPartition
        log Z, with its bracket.
    energies : ndarray of shape (n_rows,)
        E(x) of the rows.
    disagreement : tuple of (str, float) or None
        Where chains and weighted forward runs differ most, and by how many standard errors; None without annealing.
    n_steps, burn_in : int
        Temperatures of the annealing, and moves of the chains before it; 0 without annealing.
    seconds : float
        What it took.

    Examples
    --------
    >>> import fastebm as fe
    >>> bell = fe.Gaussian(0.0, 1.0)
    >>> x = bell.exact_sample(1000, seed=1)
    >>> print(fe.certificate(bell, x))
    log-likelihood of 1000 rows between -1.4068 and -1.4068 nats a row (closed form of log Z)...
    """

    estimate: LogPartition
    energies: np.ndarray
    disagreement: tuple[str, float] | None = None
    n_steps: int = 0
    burn_in: int = 0
    seconds: float = 0.0

    @property
    def log_partition(self) -> tuple[float, float]:
        """(lower, upper) end of log Z."""
        return self.estimate.lower, self.estimate.upper

    @property
    def lower(self) -> float:
        """Lower end of the rows' mean log-likelihood, from the upper end of log Z."""
        return -float(self.energies.mean()) - self.estimate.upper

    @property
    def upper(self) -> float:
        """Upper end of the rows' mean log-likelihood, from the lower end of log Z."""
        return -float(self.energies.mean()) - self.estimate.lower

    @property
    def value(self) -> float:
        """The rows' mean log-likelihood. Raises `UntrustedEstimateError` where it is not `trusted`."""
        if self.doubt is not None:
            raise UntrustedEstimateError(f"no single number is trustworthy: {self}", self.estimate)
        return -float(self.energies.mean()) - self.estimate.value

    @property
    def standard_error(self) -> float:
        """Of the mean over rows, as a sample of all rows that there could be."""
        return float(self.energies.std(ddof=1) / math.sqrt(len(self.energies)))

    @property
    def sd_log_weights(self) -> float:
        """Spread of the log-weights, the larger one of the two directions; 0 without annealing."""
        return max(self.estimate.sd_log_weights, self.estimate.reverse[2] if self.estimate.reverse else 0.0)

    @property
    def doubt(self) -> str | None:
        """Why not to trust it, and what to do; None if there is no reason."""
        if self.disagreement is not None and self.disagreement[1] > MAX_DISAGREEMENT:
            what, apart = self.disagreement
            return (
                f"the chains do not follow the model: {what} is {apart:.1f} standard errors from that of the annealed "
                "ones; give chains that have run longer and meet every mode (burn_in, a global move), or more n_steps"
            )
        doubt = self.estimate.doubt
        return None if doubt is None else f"{doubt[0]}; {doubt[3]}"

    @property
    def trusted(self) -> bool:
        """Is the estimate of log Z one to trust, and do the chains agree with the annealed ones?"""
        return self.doubt is None

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Bracket and sampling of the rows together: the log-likelihood of rows to come, (low, high).

        Parameters
        ----------
        level : float, default 0.95
            Confidence in the mean over rows, two-sided, by the normal law; the bracket is added in full.
        """
        far = NormalDist().inv_cdf(0.5 + 0.5 * real(level, "level", above=0, below=1)) * self.standard_error
        return self.lower - far, self.upper + far

    def compare(self, log_prob) -> Comparison:
        """Compare with the log-likelihoods that another model gives the same rows, in the same order.

        Parameters
        ----------
        log_prob : array-like of shape (n_rows,)
            In nats, in the same units of x.
        """
        other = numeric(log_prob, "log_prob")
        if other.shape != self.energies.shape:
            raise ValueError(
                f"log_prob must have shape {self.energies.shape}, a number for every row that was certified, got "
                f"{other.shape}"
            )
        if not np.isfinite(other).all():
            row = int(np.flatnonzero(~np.isfinite(other))[0])
            raise ValueError(f"log_prob[{row}] = {other[row]} is not finite; a mean with it says nothing")
        rows = -self.energies - other
        mean, error = float(rows.mean()), float(rows.std(ddof=1) / math.sqrt(len(rows)))
        return Comparison(mean - self.estimate.upper, mean - self.estimate.lower, error)

    def __str__(self) -> str:
        how = {"closed_form": "closed form of log Z", "quadrature": "log Z by quadrature"}.get(
            self.estimate.method, f"annealed in {self.n_steps} steps, both ways"
        )
        text = (
            f"log-likelihood of {len(self.energies)} rows between {self.lower:.4f} and {self.upper:.4f} nats a row "
            f"({how}); standard error of their mean {self.standard_error:.2g}"
        )
        return text if self.trusted else f"{text}; NOT to be trusted: {self.doubt}"

    def _html(self) -> str:
        rows = [
            ("rows", len(self.energies)),
            ("log-likelihood, nats a row, between", f"{self.lower:.4f} and {self.upper:.4f}"),
            ("standard error of the mean over rows", f"{self.standard_error:.2g}"),
            ("log Z", str(self.estimate)),
        ]
        if self.n_steps:
            rows.append(("annealed in", f"{self.n_steps:,} steps, both ways"))
        if not self.trusted:
            rows.append(("not to be trusted", self.doubt))
        return html.card("Certificate", rows)


def certificate(
    energy,
    X_test,
    *,
    chains=None,
    method="auto",
    base=None,
    n_chains=512,
    n_steps="auto",
    burn_in=None,
    max_steps=20_000,
    budget_s=None,
    seed=None,
    n_threads=None,
    progress=False,
) -> Certificate:
    """Mean log-likelihood of rows under a model whose log Z nobody knows, between two ends.

    Parameters
    ----------
    energy : Energy
    X_test : array-like of shape (n_rows, n_features)
        At least two rows, which the model was not trained on.
    chains : array-like of shape (n, n_features), optional
        Samples of the model, at least 16, such as the ends of long independent runs. They are run further here
        (`burn_in`), and are needed unless log Z is known, the energy has an exact sampler or at most two features.
    method : {"auto", "ais"}, default "auto"
        "auto" takes the closed form of log Z where there is one, and quadrature in one or two features where it is good
        to 0.25 nats: both ends are then nearly the same. Otherwise, annealed importance sampling.
    base : Energy, optional
        Where annealing begins: normalised, with exact samples. By default the energy's `annealing_base`, else a normal
        law fitted to the chains.
    n_chains : int, default 512
        Annealed chains, at least 16; of `chains` as many are used.
    n_steps : int or "auto", default "auto"
        Temperatures. "auto": as many as make the log-weights spread by 0.4 to 0.7, by a pilot run.
    burn_in : int, optional
        Moves of the chains before they are annealed; by default n_steps, and none for exact samples.
    max_steps : int, default 20000
        Most temperatures that "auto" takes.
    budget_s : float, optional
        Seconds that "auto" aims at, by the pilot run's speed. The number of steps then depends on the machine's speed.
    seed : None, int, SeedSequence or Generator
        The same seed gives the same bytes for any n_threads (with budget_s, for the same n_steps).
    n_threads : int, optional
        As in ``Sampler.sample``.
    progress : bool, default False
        Show progress bars (needs tqdm).

    Returns
    -------
    Certificate

    Raises
    ------
    ValueError, TypeError
        If an argument has the wrong shape, type or range, X_test holds NaN, there are too few chains, or the base is
        not normalised.
    NonFiniteError
        If the energy overflows.
    CertificateInterrupted
        After Ctrl-C. It is a KeyboardInterrupt, and holds what the finished runs say of log Z.

    Notes
    -----
    The log-likelihood is ``-mean E(X_test) - log Z``; the first part is exact.

    *What is proven.* A forward run begins with exact samples of the base and gives every chain a weight w with
    ``E[w] = Z``, whatever the steps (Neal 2001). By Jensen's inequality, the expectation of the log of a mean weight is
    at most log Z. The lower end of log Z is the mean of that log over groups of chains (the square root of their number
    in each, at least 16 groups), less five standard errors: by Student's law of 16 groups it is above log Z once in
    12,000 times, if the means of groups are nearly normal. Without that assumption, by Markov's inequality, the log of
    the mean of all weights is above ``log Z + c`` with a probability of at most ``exp(-c)``.

    *What rests on the chains.* A reverse run begins with samples of the model. If they were exact,
    ``E[1 / w] = 1 / Z``, and the upper end follows in the same way, with the same confidence (Grosse, Ghahramani and
    Adams 2015). If they follow another law q, the expectation of the upper end is lowered by at most KL(q, model), the
    nats by which the chains are not the model: log 2 for chains that never left one of two equal modes. The lower end
    of the log-likelihood rests on this.

    *What is tested.* Weighted forward chains follow the model too. The certificate is not `trusted` if the chains'
    mean energy, or that of any feature, is more than 6 standard errors from theirs, if forward and reverse runs
    disagree in log Z, or if weights spread by more than 1 in either direction. What neither has met cannot be seen: a
    mode far from the base that no chain has found.

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> normal = fe.Gaussian(np.zeros(3))
    >>> tilted = normal + fe.PythonEnergy(lambda X: np.cos(X).sum(1), lambda X: -np.sin(X), 3)
    >>> chains = fe.sample(tilted, 256, seed=1).x
    >>> certified = fe.certificate(tilted, chains[:100], chains=chains, seed=2)
    >>> certified.trusted and certified.upper - certified.lower < 0.2
    True
    """
    begun = time.perf_counter()
    as_energy(energy)
    choice(method, "method", ("auto", "ais"))
    x_test, _ = samples(X_test, energy.n_features, "X_test")
    if len(x_test) < 2:
        raise ValueError("X_test must hold at least 2 rows: one row has no standard error")
    n = integer(n_chains, "n_chains", FEWEST_CHAINS)
    steps = ais.steps_of(n_steps)
    most = integer(max_steps, "max_steps", 1)
    burn = None if burn_in is None else integer(burn_in, "burn_in", 0)
    budget = None if budget_s is None else real(budget_s, "budget_s", above=0)
    if chains is not None:
        chains, _ = samples(chains, energy.n_features, "chains")
    energies = energy._energy_with_walls(x_test)
    if not np.isfinite(energies).all():
        row = int(np.flatnonzero(~np.isfinite(energies))[0])
        raise ValueError(
            f"X_test[{row}] is outside the walls of {type(energy).__name__}: its likelihood is 0"
        )
    if method == "auto" and base is None:
        estimate = _directly(energy, x_test if chains is None else np.concatenate([x_test, chains]))
        if estimate is not None:
            return Certificate(estimate, energies, seconds=time.perf_counter() - begun)
    seeds = seed_sequence(seed).spawn(7)
    exact = chains is None and energy.has_exact_sample
    if exact:
        chains = energy.exact_sample(n, seeds[6])
    if chains is None:
        raise ValueError(
            f"the upper end of log Z needs samples of the model, and {type(energy).__name__} has no exact sampler: "
            "give chains, such as fastebm.sample(energy, 512).x or the buffer of a training result"
        )
    if len(chains) < FEWEST_CHAINS:
        raise ValueError(f"chains must hold at least {FEWEST_CHAINS} samples of the model, got {len(chains)}")
    # Spread over all of them: neighbours in a store may be relatives.
    chains = chains[np.linspace(0, len(chains) - 1, min(n, len(chains))).astype(int)]
    if base is None and energy.annealing_base is None:
        base = ais.normal_base(chains)
    way = path(energy, base, seeds[0])
    moved = n + len(chains) * (1 if exact or burn is not None else 2)
    speed = max(1.0, SHARE_OF_A_THREAD * resolve(n_threads))

    def afford(seconds):
        left = math.inf if budget is None else budget - (time.perf_counter() - begun)
        return most if left == math.inf else max(0, int(left * speed / (seconds * moved)))

    phase, there = "the pilot run", None
    try:
        ladder = plan(way, steps, seeds[1], most=most, afford=afford, show=bars(progress, "ladder"))
        phase = "the forward runs"
        there = ais.climb(
            way, ladder, n, seeds[2], seeds[3], n_threads=n_threads, show=bars(progress, "forward")
        )
        phase = "the chains' burn-in"
        burn = (0 if exact else ladder.n_steps) if burn is None else burn
        if burn:
            chains = _further(
                way, chains, burn, ladder.times[-1], seeds[4], n_threads, bars(progress, "burn-in")
            )
        phase = "the reverse runs"
        back = ais.descend(way, ladder, chains, seeds[5], n_threads=n_threads, show=bars(progress, "reverse"))
    except KeyboardInterrupt:
        done = None if there is None else from_weights(there.log_weights, None, there.n_evaluations)
        known = (
            "nothing is known yet"
            if done is None
            else f"log Z is at least {done.lower:.4g}, its upper end is open"
        )
        raise CertificateInterrupted(
            f"interrupted in {phase}, after {time.perf_counter() - begun:.1f} s; {known}. The model and its chains are "
            "as they were",
            done,
        ) from None
    spent = there.n_evaluations + back.n_evaluations - ladder.n_evaluations + burn * len(chains)
    estimate = from_weights(there.log_weights, back.log_weights, spent)
    apart = _disagreement(there, chains, energy._energy_with_walls(chains))
    return Certificate(estimate, energies, apart, ladder.n_steps, burn, time.perf_counter() - begun)


def _directly(energy, x):
    """log Z in closed form or by quadrature, where that is good; otherwise None."""
    if energy.has_log_partition:
        return log_partition(energy, "closed_form")
    if energy.n_features > 2:
        return None
    estimate = log_partition(energy, "quadrature", X=x, rtol=RTOL)
    return estimate if estimate.trusted else None


def _further(way, x, n_steps, step, seed, n_threads, show):
    """Chains of the target, moved on."""
    shown = show(len(x) * n_steps)
    # The first and the last entry of a ladder have no move.
    ones = np.ones(n_steps + 2)
    try:
        moved = way.walk(x, ones, step * ones, seed, n_threads=n_threads, show=shown)
    finally:
        if shown is not None:
            shown.close()
    if moved[-1]:
        raise NonFiniteError(
            "the energy or its gradient was not a number where the chains went; check its functions"
        )
    return moved[0]


def _disagreement(there, x, energies):
    """(what, standard errors) of the largest difference between chains and weighted forward chains."""
    shares = np.exp(there.log_weights - ais.log_mean_exp(there.log_weights))
    shares /= shares.sum()
    names = ["their mean energy", *(f"their mean of feature {d}" for d in range(x.shape[1]))]
    annealed, own = np.column_stack([there.energies, there.x]), np.column_stack([energies, x])
    mean = (shares[:, None] * annealed).sum(axis=0)
    error = np.sqrt(
        ((shares[:, None] * (annealed - mean)) ** 2).sum(axis=0) + own.var(axis=0, ddof=1) / len(own)
    )
    apart = np.abs(mean - own.mean(axis=0)) / np.maximum(error, 1e-300)
    worst = int(np.argmax(apart))
    return names[worst], float(apart[worst])
