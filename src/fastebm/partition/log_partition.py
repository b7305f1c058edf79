"""log Z of an energy by the best method that applies, with its error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._runtime import html
from .._runtime.check import choice, integer, samples
from .._runtime.seed import seed_sequence
from ..energies.base import as_energy
from . import ais, quadrature
from .ladder import bars, path, plan

# Above this spread of the log-weights a mean of weights is carried by a few of them (for lognormal weights the relative
# variance is exp(sd^2) - 1, and its own estimate fails too).
MAX_SD = 1.0
# Largest gap of the bracket, and largest error, in nats.
MAX_GAP, MAX_ERROR = 1.0, 0.25
# Standard errors that lie between what forward and reverse runs say; the means of weights have skewed laws.
MAX_APART = 8.0
COVER = "give X and reverse_samples that cover every mode, in their proportions"
# Largest share of the weights that one chain may have; of fewer than 50 chains, that of 5 of them.
MAX_SHARE = 0.1


class UntrustedEstimateError(ValueError):
    """log Z was asked for as a number, but only a bracket is known. ``.estimate`` holds it.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells = fe.WellMixture.from_mixture([0.5, 0.5], np.full((2, 30), [[-9.0], [9.0]]), np.ones((2, 30)))
    >>> hidden = fe.PythonEnergy(wells.energy, wells.grad, 30)  # nothing is known of it
    >>> try:
    ...     fe.log_partition(hidden, X=wells.exact_sample(50, seed=1), n_steps=3, n_chains=20, seed=1).value
    ... except fe.UntrustedEstimateError as error:
    ...     print(error.estimate.method, error.estimate.trusted)
    ais False
    """

    def __init__(self, message, estimate):
        super().__init__(message)
        self.estimate = estimate

    def __reduce__(self):
        return type(self), (*self.args, self.estimate), self.__dict__


@dataclass(frozen=True)
class LogPartition(html.Shown):
    """An estimate of log Z, in nats.

    Attributes
    ----------
    value : float
        log Z. If the estimate cannot be trusted (`trusted` is False), asking for it raises `UntrustedEstimateError`,
        which names the bracket.
    error : float
        Closed form: rounding. Quadrature: an upper estimate of the error; without X it includes a spike that may lie
        between the points. AIS: one standard error.
    method : str
        "closed_form", "quadrature" or "ais".
    lower, upper : float
        What is known of log Z. AIS: `lower` is the mean over groups of chains of the log of their mean forward weight,
        which is below log Z in expectation, less five of its standard errors; `upper` is its counterpart from a reverse
        run, or infinity if there was none.
    sd_log_weights : float
        Spread of the forward log-weights; 0 for the other methods.
    n_evaluations : int
        Energy evaluations.
    largest_share : float
        Share of all weights that the heaviest chain has; 0 for the other methods.
    n_chains : int
        Forward chains; 0 for the other methods.
    reverse : tuple of three floats, or None
        What the reverse runs alone say: log Z, its standard error, and the spread of their log-weights.

    Examples
    --------
    >>> import fastebm as fe
    >>> found = fe.log_partition(fe.DoubleWell(2), seed=1)
    >>> found.trusted, found.lower <= found.value <= found.upper
    (True, True)
    """

    method: str
    error: float
    lower: float
    upper: float
    sd_log_weights: float
    n_evaluations: int
    _value: float
    largest_share: float = 0.0
    n_chains: int = 0
    reverse: tuple[float, float, float] | None = None

    @property
    def doubt(self) -> tuple[str, float, float, str] | None:
        """Why the value is not to be trusted: (what, number, limit, what to do); None if it is."""
        closer = "use more n_steps, or a base closer to the density"
        if not self.sd_log_weights <= MAX_SD:
            what = f"the log-weights spread by {self.sd_log_weights:.2f}, so a few chains decide the estimate"
            return what, self.sd_log_weights, MAX_SD, closer
        if self.reverse is not None and not self.reverse[2] <= MAX_SD:
            what = f"the log-weights of the reverse runs spread by {self.reverse[2]:.2f}"
            return what, self.reverse[2], MAX_SD, closer
        if self.largest_share > max(MAX_SHARE, 5.0 / max(self.n_chains, 1)):
            what = f"one chain has {100 * self.largest_share:.0f} % of all weights"
            return what, self.largest_share, MAX_SHARE, closer + ", or more n_chains"
        if not self.error <= MAX_ERROR:
            what = f"its error is {self.error:.2g}"
            more = (
                "more n_chains"
                if self.method == "ais"
                else "give X, data or chains that show where the mass is"
            )
            return what, self.error, MAX_ERROR, more
        if not self.lower <= self._value <= self.upper:
            what = f"the forward runs give {self._value:.4g}, outside what the reverse runs allow"
            outside = max(self.lower - self._value, self._value - self.upper)
            return (
                what,
                outside,
                0.0,
                COVER,
            )
        if self.reverse is not None:
            apart = abs(self._value - self.reverse[0]) / max(math.hypot(self.error, self.reverse[1]), 1e-12)
            if apart > MAX_APART:
                what = f"forward runs give {self._value:.4g} and reverse runs {self.reverse[0]:.4g}"
                return what + f", {apart:.1f} standard errors apart", apart, MAX_APART, COVER
        if MAX_GAP < self.upper - self.lower < math.inf:
            return "the bracket is wide", self.upper - self.lower, MAX_GAP, closer
        return None

    @property
    def trusted(self) -> bool:
        """Is the value within a narrow bracket, its error small, and carried by many chains?

        The log-weights spread by at most 1, in both directions, no chain has more than a tenth of the weights, the
        error is at most 0.25, the value lies in the bracket, forward and reverse runs agree, and the bracket (if
        closed) is at most 1 nat wide.
        """
        return self.doubt is None

    @property
    def value(self) -> float:
        doubt = self.doubt
        if doubt is not None:
            raise UntrustedEstimateError(
                f"log Z lies in [{self.lower:.4g}, {self.upper:.4g}], but no single number is trustworthy: {doubt[0]}; "
                f"{doubt[3]}, or read .lower and .upper",
                self,
            )
        return self._value

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        if not self.trusted:
            return f"log Z in [{self.lower:.4g}, {self.upper:.4g}] ({self.method}; not a trustworthy number)"
        return f"log Z = {self._value:.10g} +- {self.error:.1g} ({self.method})"

    def _html(self) -> str:
        known = f"{self._value:.10g} ± {self.error:.1g}" if self.trusted else None
        rows: list[tuple[str, Any]] = [("log Z", known)]
        rows += [("method", self.method.replace("_", " "))]
        if self.lower != self.upper:
            rows.append(("between", f"{self.lower:.6g} and {self.upper:.6g}"))
        if self.sd_log_weights:
            rows.append(("spread of the log-weights", self.sd_log_weights))
        rows.append(("energy evaluations", self.n_evaluations))
        if self.doubt is not None and not self.trusted:
            rows.append(("not to be trusted", f"{self.doubt[0]}; {self.doubt[3]}"))
        return html.card("log Z, in nats", rows)


def log_partition(
    energy,
    method="auto",
    *,
    X=None,
    bounds=None,
    base=None,
    n_chains=1024,
    n_steps=1000,
    rtol=1e-10,
    reverse_samples=None,
    seed=None,
    n_threads=None,
    progress=False,
) -> LogPartition:
    """Estimate log Z = log of the integral of exp(-E(x)) over x.

    Parameters
    ----------
    energy : Energy
    method : {"auto", "closed_form", "quadrature", "ais"}, default "auto"
        "auto" takes annealed importance sampling if a base or reverse_samples are given; else the closed form if the
        energy has one, quadrature in one or two features or if bounds are given, otherwise annealing.
    X : array-like of shape (n_samples, n_features), optional
        Data or chains that show where the mass is. Quadrature starts from their range; AIS fits its base to them and
        needs them unless there is one.
    bounds : (low, high), optional
        Quadrature over this box only; the other methods know the whole space only.
    base : Energy, optional
        Where AIS begins: a normalised energy (log Z = 0) with an exact sampler, as wide as the target or wider. By
        default the energy's own ``annealing_base``, else a normal law fitted to X.
    n_chains, n_steps : int, default 1024 and 1000
        AIS: independent chains, and temperatures. ``n_steps="auto"`` chooses as many (up to 20,000) as make the
        log-weights spread by 0.4 to 0.7.
    rtol : float, default 1e-10
        Relative error that quadrature is to reach.
    reverse_samples : array-like of shape (n, n_features), optional
        Exact samples or ends of long runs: AIS then runs backwards too and gives an upper bound. Without them, the
        energy's own ``exact_sample`` is used if there is one.
    seed : None, int, SeedSequence or Generator
    n_threads : int, optional
        As in ``Sampler.sample``.
    progress : bool, default False
        Show progress bars of AIS (needs tqdm).

    Returns
    -------
    LogPartition

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, belongs to another method, the method does not apply, or the integral diverges.
    NonFiniteError
        If the energy overflows where it is evaluated.

    Notes
    -----
    What no estimate can tell: a mode that neither X nor the base nor any chain has met. If X comes from one mode of two
    that are far apart, base and chains stay at that one, forward and reverse runs agree, and the value is that of the
    one mode, less by its share (log 1/2 for equal ones). Where the forward runs do meet the other mode, the value
    leaves the bracket and is not trusted. Tails that are heavier than any normal law are met by annealing only as far
    as its chains go.

    Examples
    --------
    >>> import fastebm as fe
    >>> quartic = fe.PythonEnergy(lambda X: (X[:, 0] ** 2 - 1) ** 2, lambda X: 4 * X * (X**2 - 1))
    >>> print(fe.log_partition(quartic))  # doctest: +ELLIPSIS
    log Z = 0.6799262429 +- ... (quadrature)
    """
    as_energy(energy)
    choice(method, "method", ("auto", "closed_form", "quadrature", "ais"))
    if bounds is not None and method in ("closed_form", "ais"):
        raise ValueError(
            f"bounds belong to quadrature, but method={method!r} takes the whole space; leave bounds out, or use "
            "method='quadrature'"
        )
    for given, name in ((base, "base"), (reverse_samples, "reverse_samples")):
        if given is not None and (method in ("closed_form", "quadrature") or bounds is not None):
            raise ValueError(
                f"{name} belongs to annealed importance sampling; leave it out, or use method='ais'"
            )
    if method == "auto":
        if base is not None or reverse_samples is not None:
            method = "ais"
        elif energy.has_log_partition and bounds is None:
            method = "closed_form"
        else:
            method = "quadrature" if energy.n_features <= 2 or bounds is not None else "ais"
    if method == "closed_form":
        value = energy.log_partition()
        error = 1e-15 * (1.0 + abs(value))
        return LogPartition("closed_form", error, value - error, value + error, 0.0, 0, value)
    if method == "quadrature":
        value, error = quadrature.adaptive(energy, X=X, bounds=bounds, rtol=rtol)
        return LogPartition("quadrature", error, value - error, value + error, 0.0, 0, value)
    return _by_annealing(energy, X, base, n_chains, n_steps, reverse_samples, seed, n_threads, progress)


def _by_annealing(energy, X, base, n_chains, n_steps, reverse_samples, seed, n_threads, progress):
    if base is None and energy.annealing_base is None:
        if X is None:
            raise ValueError(
                "annealed importance sampling needs to know where the mass is: give X (data, or the ends of chains) "
                "or base"
            )
        base = ais.normal_base(samples(X, energy.n_features)[0])
    elif (
        base is not None
        and as_energy(base, "base").has_log_partition
        and not abs(base.log_partition()) < 1e-9
    ):
        raise ValueError(f"base must be normalised (log Z = 0), got log Z = {base.log_partition():g}")
    n, steps = integer(n_chains, "n_chains", 2), ais.steps_of(n_steps)
    if reverse_samples is not None:
        reverse_samples, _ = samples(reverse_samples, energy.n_features, "reverse_samples")
        if len(reverse_samples) < 2:
            raise ValueError("reverse_samples must hold at least 2 samples for a reverse run, got 1")
    pilot, first, there, draw, back = seed_sequence(seed).spawn(5)
    way = path(energy, base, pilot)
    ladder = plan(way, steps, pilot, show=bars(progress, "ladder"))
    run = ais.climb(way, ladder, n, first, there, n_threads=n_threads, show=bars(progress, "forward"))
    evaluations, weights = run.n_evaluations, None
    if reverse_samples is None and energy.has_exact_sample:
        reverse_samples = energy.exact_sample(n, draw)
    if reverse_samples is not None:
        other = ais.descend(
            way, ladder, reverse_samples, back, n_threads=n_threads, show=bars(progress, "reverse")
        )
        evaluations, weights = evaluations + other.n_evaluations - ladder.n_evaluations, other.log_weights
    return from_weights(run.log_weights, weights, evaluations)


def from_weights(there, back, n_evaluations) -> LogPartition:
    """The estimate of log-weights of forward runs, and of reverse runs or None."""
    value, error, share = _mean_weight(there)
    lower, upper = ais.bracket(there, back)
    reverse = None
    if back is not None:
        other, other_error, _ = _mean_weight(-back)
        reverse = (-other, other_error, float(back.std(ddof=1)))
    spread = float(there.std(ddof=1))
    return LogPartition("ais", error, lower, upper, spread, n_evaluations, value, share, len(there), reverse)


def _mean_weight(log_weights):
    """(log of the mean weight, its standard error, the largest share of one chain)."""
    value = ais.log_mean_exp(log_weights)
    relative = np.exp(log_weights - value)
    error = float(relative.std(ddof=1) / math.sqrt(len(relative)))
    return value, error, float(relative.max() / relative.sum())
