"""When is a row odd? Thresholds and p-values from rows that the density has not seen."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import real


def smallest_rate(n: int) -> float:
    """The smallest false-alarm rate that n held-out rows can answer for, 1 / (n + 1), rounded up to two digits."""
    rate = 1.0 / (n + 1)
    unit = 10.0 ** (math.floor(math.log10(rate)) - 1)
    return math.ceil(rate / unit * (1 - 1e-12)) * unit


def threshold(scores: np.ndarray, rate) -> float:
    """The log-density below which a row is odd: fresh rows of the same law are with a probability of rate at most.

    With n scores of rows that are exchangeable with the fresh one, and k = floor(rate (n + 1)), the k-th smallest: a
    row is among the k smallest of n + 1 with probability k / (n + 1), whatever the law and however bad the density.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Log-densities of held-out rows.
    rate : float
        Between 0 and 1.

    Returns
    -------
    float
        Minus infinity where n is too small for the rate: then no row is odd.

    References
    ----------
    Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005; Bates, Candès, Lei, Romano and Sesia,
    Testing for outliers with conformal p-values, Annals of Statistics 51, 2023.
    """
    share = real(rate, "false_alarm_rate", above=0, below=1)
    # A rate of 1 / (n + 1) is one in n + 1, rounding or not.
    k = math.floor(share * (len(scores) + 1) * (1 + 1e-12))
    return float(np.partition(scores, k - 1)[k - 1]) if k else -math.inf


def p_values(scores: np.ndarray, log_p: np.ndarray) -> np.ndarray:
    """(1 + number of held-out scores that are as low) / (n + 1): at most u with probability u for a fresh row."""
    order = np.sort(scores)
    return (1.0 + np.searchsorted(order, log_p, side="right")) / (len(order) + 1.0)
