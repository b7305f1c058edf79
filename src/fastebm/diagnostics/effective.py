"""Effective sample size and standard errors of what a trace of chains tells."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import choice, real
from .ranks import halves, normal_scores, per_feature

# Halves of fewer than 5 draws hold no pair of lags (Geyer's rule needs lag 3, and the last two are noise): ArviZ then
# returns N log10(N) whatever the chains do, 286,000 for 6 draws of 10,000 chains that never moved much.
MIN_DRAWS = 10
# Probabilities of one standard deviation below and above the mean of a normal law.
ONE_SD = (0.1586553, 0.8413447)


def ess(trace, *, kind="mean") -> np.ndarray | float:
    """Effective sample size over all chains: how many independent draws would tell as much.

    Every chain is split into halves first, so that a chain that drifts counts as two that disagree. The numbers are
    those of ``arviz.ess`` (within rounding; ties at a quantile apart).

    Parameters
    ----------
    trace : array-like of shape (n_draws, n_chains[, n_features])
        At least 10 draws: in shorter halves no autocorrelation can be seen.
    kind : {"mean", "bulk", "tail"}, default "mean"
        * "mean": of the mean of the trace as it is (``arviz.ess(method="mean")``). The default, because ``sd /
          sqrt(ess)`` is then the standard error of that mean (`mcse`), which is what the number is mostly used for.
        * "bulk": of the ranks, mapped to normal scores (``method="bulk"``, ArviZ's own default). Defined for laws
          without a variance too, where "mean" is not; the one to watch for mixing.
        * "tail": the smaller one of the effective sample sizes of the 5 % and the 95 % quantile.

    Returns
    -------
    float, or ndarray of shape (n_features,) for a 3-D trace
        A number of draws, at most n_draws * n_chains * log10(n_draws * n_chains). NaN if every draw is the same:
        nothing is known about a chain that never moved (ArviZ returns the number of draws).

    Raises
    ------
    ValueError, TypeError
        If the trace has the wrong shape, too few draws or is not finite, or kind is unknown.

    See Also
    --------
    mcse : the standard error that belongs to it.
    rhat : do the chains agree at all?

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner, Rank-normalization, folding, and localization: an improved R-hat,
    Bayesian Analysis 2021, sections 3.2 and 4. Geyer, Practical Markov chain Monte Carlo, Statistical Science 1992
    (initial monotone sequence).

    Examples
    --------
    >>> import numpy as np
    >>> import fastebm as fe
    >>> draws = np.random.default_rng(1).standard_normal((1000, 4))
    >>> bool(3000 < fe.ess(draws) < 5000)
    True
    """
    return per_feature(trace, _ESS[choice(kind, "kind", tuple(_ESS))], MIN_DRAWS)


def mcse(trace, *, kind="mean", prob=None) -> np.ndarray | float:
    """Monte Carlo standard error of the mean, the standard deviation or a quantile of a trace.

    Parameters
    ----------
    trace : array-like of shape (n_draws, n_chains[, n_features])
        At least 10 draws.
    kind : {"mean", "sd", "quantile"}, default "mean"
        Whose error. That of the quantile is half the width of the order statistics between which it lies with a
        probability of 68 %.
    prob : float, optional
        Which quantile, between 0 and 1: needed for kind="quantile", and refused for the others.

    Returns
    -------
    float, or ndarray of shape (n_features,) for a 3-D trace
        In the units of the trace. NaN if every draw is the same.

    Raises
    ------
    ValueError, TypeError
        If the trace has the wrong shape, too few draws or is not finite, kind is unknown, or prob is out of range,
        missing or not needed.

    Notes
    -----
    The error of the mean needs a second moment, that of the standard deviation a fourth; for heavier tails the numbers
    are finite and mean nothing. That of a quantile needs neither.

    References
    ----------
    Vehtari et al. as in `ess`, sections 4.3 and 4.4; Kenney and Keeping, Mathematics of Statistics, 1951 (standard
    deviation). The same numbers as ``arviz.mcse``.

    Examples
    --------
    >>> import numpy as np
    >>> import fastebm as fe
    >>> draws = np.random.default_rng(1).standard_normal((1000, 4))
    >>> bool(0.014 < fe.mcse(draws) < 0.018)
    True
    """
    choice(kind, "kind", ("mean", "sd", "quantile"))
    if kind == "quantile":
        if prob is None:
            raise ValueError("kind='quantile' needs prob, the probability of the quantile, such as prob=0.95")
        p = real(prob, "prob", above=0, below=1)
        return per_feature(trace, lambda x: _mcse_quantile(x, p), MIN_DRAWS)
    if prob is not None:
        raise ValueError(f"prob belongs to kind='quantile', got prob={prob!r} with kind={kind!r}")
    return per_feature(trace, _mcse_mean if kind == "mean" else _mcse_sd, MIN_DRAWS)


def _autocovariance(chains):
    """Autocovariance of each row at every lag (divided by n), by FFT."""
    n = chains.shape[1]
    centred = chains - chains.mean(axis=1, keepdims=True)
    size = _fast_length(2 * n)
    spectrum = np.fft.rfft(centred, size, axis=1)
    return np.fft.irfft(spectrum * spectrum.conj(), size, axis=1)[:, :n] / n


def _fast_length(n):
    """The first number from n on without prime factors above 11, where transforms are fast."""
    while True:
        rest = n
        for prime in (2, 3, 5, 7, 11):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


def _ess_of_rows(chains) -> float:
    """Effective sample size of the mean of the rows, by Geyer's initial monotone sequence.

    Rows that hold one value only count as independent, as in ArviZ: it happens to an indicator with ties.
    """
    m, n = chains.shape
    if _constant(chains):
        return float(n * m)
    covariance = _autocovariance(chains)
    within = covariance[:, 0].mean() * n / (n - 1)
    total = covariance[:, 0].mean() + (chains.mean(axis=1).var(ddof=1) if m > 1 else 0.0)
    rho = 1.0 - (within - covariance.mean(axis=0)) / total
    rho[0] = 1.0
    # Sums of neighbouring pairs are positive and decreasing for a reversible chain: stop at the first that is not
    # positive (or before the last two lags), and let none exceed the one before. Of the pair where it stops, the even
    # lag still counts once, a negative one only if the lags ran out (Vehtari et al., as in Stan and ArviZ).
    pairs = rho[: 2 * ((n - 1) // 2)].reshape(-1, 2)
    sums = pairs.sum(axis=1)
    stop = next(iter(np.flatnonzero(sums <= 0)), len(sums) - 1)
    last = pairs[stop, 0] if sums[stop] >= 0 else max(pairs[stop, 0], 0.0)
    tau = -1.0 + 2.0 * np.minimum.accumulate(sums[:stop]).sum() + last
    return float(n * m / max(tau, 1.0 / math.log10(n * m)))


def _constant(x) -> bool:
    return bool((x == x.flat[0]).all())


def _ess_mean(x) -> float:
    return math.nan if _constant(x) else _ess_of_rows(halves(_unit(x)[0]))


def _ess_bulk(x) -> float:
    return math.nan if _constant(x) else _ess_of_rows(normal_scores(halves(x)))


def _ess_tail(x) -> float:
    return math.nan if _constant(x) else min(_ess_quantile(x, 0.05), _ess_quantile(x, 0.95))


def _ess_quantile(x, p) -> float:
    return _ess_of_rows(halves((x <= _quantile(x, p)).astype(float)))


def _quantile(x, p) -> float:
    """R's type 7, with the rounding of ArviZ: a quantile that is one of the draws is above or below it by rounding."""
    ordered = np.sort(x, axis=None)
    place = x.size * p + (1.0 - p)
    k = math.floor(min(max(place, 1.0), x.size - 1.0))
    share = min(max(place - k, 0.0), 1.0)
    return float((1.0 - share) * ordered[k - 1] + share * ordered[k])


_ESS = {"mean": _ess_mean, "bulk": _ess_bulk, "tail": _ess_tail}


def _unit(x):
    """(x less its mean, scaled into [-1, 1], exponent of the scale): squares and fourth powers stay finite."""
    first = int(np.frexp(np.abs(x).max())[1])
    scaled = np.ldexp(x, -first)
    centred = scaled - scaled.mean()
    second = int(np.frexp(np.abs(centred).max())[1])
    return np.ldexp(centred, -second), first + second


def _mcse_mean(x) -> float:
    if _constant(x):
        return math.nan
    unit, exponent = _unit(x)
    return math.ldexp(float(unit.std(ddof=1)) / math.sqrt(_ess_of_rows(halves(unit))), exponent)


def _mcse_sd(x) -> float:
    if _constant(x):
        return math.nan
    unit, exponent = _unit(x)
    square = unit**2
    spread = max(float((square**2).mean() - square.mean() ** 2), 0.0)
    return math.ldexp(0.5 * math.sqrt(spread / float(square.mean()) / _ess_of_rows(halves(square))), exponent)


def _mcse_quantile(x, p) -> float:
    if _constant(x):
        return math.nan
    n = _ess_quantile(x, p)
    low, high = _beta_quantiles(ONE_SD, n * p + 1.0, n * (1.0 - p) + 1.0) * x.size - 1.0
    ordered = np.sort(x, axis=None)
    low, high = ordered[max(math.floor(low), 0)], ordered[min(math.ceil(high), x.size - 1)]
    return float(0.5 * high - 0.5 * low)


def _beta_quantiles(probabilities, a, b):
    """Quantiles of Beta(a, b) for a, b >= 1, by the midpoint rule over 12 standard deviations: within 1e-4."""
    mean, sd = a / (a + b), math.sqrt(a * b / (a + b + 1.0)) / (a + b)
    edges = np.linspace(max(0.0, mean - 12.0 * sd), min(1.0, mean + 12.0 * sd), 20_001)
    middle = 0.5 * (edges[1:] + edges[:-1])
    logs = (a - 1.0) * np.log(middle) + (b - 1.0) * np.log1p(-middle)
    mass = np.cumsum(np.exp(logs - logs.max()))
    return np.interp(probabilities, np.append(0.0, mass / mass[-1]), edges)
