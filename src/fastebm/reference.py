"""The whole method in plain Python: read this first, and test everything else against it.

Standard library only, one sample at a time, stable arithmetic and no speed. The compiled code must agree with
these functions to rounding.

The energy is a mixture of quadratic wells. With ``a = exp(clip(raw_a, -5, 5))``,

    e_j(x) = sum_d a_jd (x_d - m_jd)^2 + k_j
    E(x)   = -log sum_j exp(-e_j(x)) + c
    w_j(x) = exp(-e_j(x)) / sum_i exp(-e_i(x))

and ``theta`` is flat: for each well ``raw_a`` (n_features numbers), ``m`` (n_features), ``k``; last ``c``.
Everywhere ``x`` is one sample, a sequence of ``n_features`` floats.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

__all__ = [
    "RAW_A_LIMIT",
    "ReplayBuffer",
    "clip",
    "contrastive_update",
    "energy",
    "grad",
    "laplacian",
    "log_partition",
    "param_grad",
    "sgld_step",
]

RAW_A_LIMIT = 5.0

Sample = Sequence[float]
Bounds = tuple[float, float]


class Well(NamedTuple):
    """One quadratic well: sharpness ``a``, centre ``m``, depth ``k``; ``free[d]`` unless raw_a is clipped."""

    a: list[float]
    m: list[float]
    k: float
    free: list[bool]


def clip(value: float, low: float, high: float) -> float:
    """Nearest number to `value` in [low, high].

    Raises
    ------
    ValueError
        If `value` is NaN: ``max(low, min(high, nan))`` would quietly return a bound.
    """
    if math.isnan(value):
        raise ValueError("cannot clip NaN")
    return max(low, min(high, value))


def unpack(theta: Sequence[float], n_wells: int, n_features: int) -> tuple[list[Well], float]:
    """The wells and the constant ``c`` in a flat `theta`.

    Raises
    ------
    ValueError
        If `theta` has the wrong length or holds a number that is not finite.
    """
    size = 2 * n_features + 1
    if len(theta) != n_wells * size + 1:
        raise ValueError(f"theta has {len(theta)} numbers, expected {n_wells * size + 1}")
    if not all(map(math.isfinite, theta)):
        raise ValueError(f"theta must be finite, got {list(theta)}")
    wells = []
    for start in range(0, n_wells * size, size):
        raw_a = theta[start : start + n_features]
        wells.append(
            Well(
                a=[math.exp(clip(r, -RAW_A_LIMIT, RAW_A_LIMIT)) for r in raw_a],
                m=list(theta[start + n_features : start + 2 * n_features]),
                k=theta[start + 2 * n_features],
                free=[abs(r) <= RAW_A_LIMIT for r in raw_a],
            )
        )
    return wells, theta[-1]


def well_energies(x: Sample, wells: list[Well]) -> list[float]:
    """``e_j(x) = sum_d a_jd (x_d - m_jd)^2 + k_j`` for every well."""
    return [
        math.fsum(a * (xd - m) * (xd - m) for a, m, xd in zip(w.a, w.m, x, strict=True)) + w.k for w in wells
    ]


def energy_and_weights(x: Sample, wells: list[Well], c: float) -> tuple[float, list[float]]:
    """``E = e_min - log1p(sum_{j != min} exp(e_min - e_j)) + c`` and ``w_j = exp(e_min - e_j) / sum``.

    Written from the lowest well, nothing overflows, no weight is 0/0, and a weight far below machine epsilon
    keeps its own relative precision instead of being one minus the others.
    """
    e = well_energies(x, wells)
    lowest = min(range(len(e)), key=e.__getitem__)
    e_min = e[lowest]
    if not math.isfinite(e_min + c):
        raise OverflowError(f"the energy at x={list(x)} is too large for a float")
    others = math.fsum(math.exp(e_min - ej) for j, ej in enumerate(e) if j != lowest)
    weights = [(1.0 if j == lowest else math.exp(e_min - ej)) / (1.0 + others) for j, ej in enumerate(e)]
    return e_min - math.log1p(others) + c, weights


def energy(x: Sample, theta: Sequence[float], n_wells: int, n_features: int) -> float:
    """Energy ``E(x) = -log sum_j exp(-e_j(x)) + c``.

    Parameters
    ----------
    x : sequence of float, length n_features
    theta : sequence of float, length n_wells * (2 * n_features + 1) + 1
    n_wells, n_features : int

    Returns
    -------
    float

    Raises
    ------
    OverflowError
        If the energy is larger than any float.
    """
    return energy_and_weights(x, *unpack(theta, n_wells, n_features))[0]


def slopes(x: Sample, well: Well) -> list[float]:
    """``de_j/dx_d = 2 a_jd (x_d - m_jd)`` for one well."""
    return [2.0 * a * (xd - m) for a, m, xd in zip(well.a, well.m, x, strict=True)]


def grad(x: Sample, theta: Sequence[float], n_wells: int, n_features: int) -> list[float]:
    """Gradient ``dE/dx_d = sum_j w_j 2 a_jd (x_d - m_jd)``.

    Returns
    -------
    list of float, length n_features
    """
    wells, c = unpack(theta, n_wells, n_features)
    _, weights = energy_and_weights(x, wells, c)
    # A well of weight 0 may lie so far away that its slope is infinite: leave it out, 0 * inf is NaN.
    seen = [(w, slopes(x, well)) for w, well in zip(weights, wells, strict=True) if w > 0.0]
    return [math.fsum(w * s[d] for w, s in seen) for d in range(n_features)]


def param_grad(x: Sample, theta: Sequence[float], n_wells: int, n_features: int) -> list[float]:
    """Gradient dE/dtheta, in the order of `theta`.

    With ``d = x - m``::

        dE/draw_a = w a d^2    (exactly 0 where raw_a lies outside [-5, 5]: there a no longer depends on it)
        dE/dm     = -2 w a d
        dE/dk     = w
        dE/dc     = 1

    Returns
    -------
    list of float, length n_wells * (2 * n_features + 1) + 1
    """
    wells, c = unpack(theta, n_wells, n_features)
    _, weights = energy_and_weights(x, wells, c)
    out: list[float] = []
    for w, well in zip(weights, wells, strict=True):
        if w == 0.0:
            out += [0.0] * (2 * n_features + 1)
            continue
        d = [xd - m for xd, m in zip(x, well.m, strict=True)]
        out += [w * (a * di * di) if free else 0.0 for a, di, free in zip(well.a, d, well.free, strict=True)]
        out += [-w * s for s in slopes(x, well)]
        out.append(w)
    return [*out, 1.0]


def laplacian(x: Sample, theta: Sequence[float], n_wells: int, n_features: int) -> float:
    """Trace of the Hessian of E in x.

    With ``s_j = de_j/dx`` and ``g = sum_j w_j s_j = dE/dx``::

        sum_d d2E/dx_d2 = sum_j w_j (sum_d 2 a_jd - |s_j - g|^2)

    that is, the mean curvature of the wells less the spread of their slopes.
    """
    wells, c = unpack(theta, n_wells, n_features)
    _, weights = energy_and_weights(x, wells, c)
    g = grad(x, theta, n_wells, n_features)
    terms = []
    for w, well in zip(weights, wells, strict=True):
        if w > 0.0:
            spread = math.fsum((s - gd) ** 2 for s, gd in zip(slopes(x, well), g, strict=True))
            terms.append(w * (2.0 * math.fsum(well.a) - spread))
    return math.fsum(terms)


def log_partition(theta: Sequence[float], n_wells: int, n_features: int) -> float:
    """``log Z = log sum_j exp(-k_j + 1/2 sum_d log(pi / a_jd)) - c``: every well is a Gaussian integral.

    ``Z`` is the integral of ``exp(-E)`` over the whole space.
    """
    wells, c = unpack(theta, n_wells, n_features)
    logs = [0.5 * math.fsum(math.log(math.pi / a) for a in well.a) - well.k for well in wells]
    top = max(logs)
    return top + math.log(math.fsum(math.exp(v - top) for v in logs)) - c


def sgld_step(
    x: Sample,
    grad: Sequence[float],
    step_size: float,
    noise_std: float,
    noise: Sequence[float],
    bounds: Bounds | None = None,
) -> list[float]:
    """One step of stochastic gradient Langevin dynamics, ``x <- clip(x - h dE/dx + s z)``.

    Parameters
    ----------
    x, grad, noise : sequence of float, equal lengths
        State, dE/dx there, and standard normal numbers ``z``.
    step_size, noise_std : float
        ``h`` and ``s``. The chain explores ``exp(-E / T)`` with ``T = s^2 / (2 h)``, as ``h`` goes to 0.
    bounds : (low, high), optional
        Clip every coordinate to this interval.

    Returns
    -------
    list of float
    """
    moved = [xd - step_size * g + noise_std * z for xd, g, z in zip(x, grad, noise, strict=True)]
    if not all(map(math.isfinite, moved)):
        raise FloatingPointError(f"the step from {list(x)} is not finite: {moved}")
    return moved if bounds is None else [clip(v, *bounds) for v in moved]


class ReplayBuffer:
    """States kept for later chains: first in, first out, at most `capacity` of them.

    Parameters
    ----------
    capacity : int
        Most states kept; 0 keeps none.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 0:
            raise ValueError(f"capacity must not be negative, got {capacity}")
        self.capacity = capacity
        self.states: list[list[float]] = []

    def __len__(self) -> int:
        return len(self.states)

    def push(self, states: Sequence[Sample]) -> None:
        """Add `states`, the oldest leave. (``states[-capacity:]`` would keep everything at capacity 0.)"""
        self.states += [list(s) for s in states]
        del self.states[: max(0, len(self.states) - self.capacity)]

    def draw(self, n: int, rng: Random) -> list[list[float]]:
        """Copies of `n` states drawn without replacement; of all of them, in order, if there are no more."""
        if n < 0:
            raise ValueError(f"n must not be negative, got {n}")
        chosen = self.states if n >= len(self.states) else rng.sample(self.states, n)
        return [list(s) for s in chosen]


def mean_param_grad(
    xs: Sequence[Sample], theta: Sequence[float], n_wells: int, n_features: int
) -> list[float]:
    """Mean of `param_grad` over the samples `xs`."""
    if not xs:
        raise ValueError("the mean over no samples is not defined")
    rows = [param_grad(x, theta, n_wells, n_features) for x in xs]
    return [math.fsum(column) / len(xs) for column in zip(*rows, strict=True)]


def contrastive_update(
    theta: Sequence[float],
    data: Sequence[Sample],
    negatives: Sequence[Sample],
    n_wells: int,
    n_features: int,
    learning_rate: float,
    l2: Sequence[float] | None = None,
    bounds: Sequence[Bounds | None] | None = None,
) -> list[float]:
    """One descent step on ``L = mean_data E - mean_negatives E + sum_p l2_p theta_p^2``.

        theta_p <- clip(theta_p - lr (mean_data dE/dtheta_p - mean_negatives dE/dtheta_p + 2 l2_p theta_p))

    Parameters
    ----------
    theta : sequence of float
    data, negatives : sequences of samples
        The positive and the negative phase; their sizes may differ.
    learning_rate : float
    l2 : sequence of float, optional
        One weight for each parameter.
    bounds : sequence of (low, high) or None, optional
        One entry for each parameter.

    Returns
    -------
    list of float
        The new theta; the one passed in is not changed.
    """
    positive = mean_param_grad(data, theta, n_wells, n_features)
    negative = mean_param_grad(negatives, theta, n_wells, n_features)
    l2 = [0.0] * len(theta) if l2 is None else l2
    bounds = [None] * len(theta) if bounds is None else bounds
    new = []
    for t, p, n, weight, bound in zip(theta, positive, negative, l2, bounds, strict=True):
        value = t - learning_rate * (p - n + 2.0 * weight * t)
        new.append(value if bound is None else clip(value, *bound))
    return new
