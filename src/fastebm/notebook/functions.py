"""The functions of the tutorial notebook, over the compiled ones."""

import math
import operator
import random
from collections.abc import Sequence

from . import _compiled, _lists
from .arguments import draw, finite, setstate
from .buffer import SampleReplayBuffer
from .hint import cold

__all__ = [
    "SampleReplayBuffer",
    "approx_density",
    "approx_partition",
    "clip_raw_a",
    "describe",
    "draw_model_samples",
    "energy_and_grads",
    "energy_value",
    "mean_grads",
    "quick_train_with_sgld_steps",
    "sample_real",
    "sgld_samples",
    "stable_logsumexp",
    "train_ebm",
]

# (step_size, noise_std) of the chains in training.
STEP = (0.055, 0.085)

Record = tuple[int, float, float, float, list[float], int]

_INF = math.inf


def sample_real(n: int) -> list[float]:
    """Draw from the tutorial's true law, 0.55 N(-2, 0.45^2) + 0.45 N(1.8, 0.55^2).

    Parameters
    ----------
    n : int
        How many; none if negative.

    Returns
    -------
    list of float

    Examples
    --------
    >>> import random
    >>> random.seed(31)
    >>> len(sample_real(5))
    5
    """
    xs: list[float] = draw(_compiled.sample_real, n)
    return xs


def describe(xs: Sequence[float]) -> dict[str, float]:
    """Mean, population standard deviation, and the fractions below zero and not below.

    Mean and deviation are exact sums rounded once, as in `statistics.mean` and `statistics.pstdev`.

    Parameters
    ----------
    xs : sequence of float

    Returns
    -------
    dict
        Keys ``mean``, ``std``, ``left`` (x < 0) and ``right`` (x >= 0).

    Raises
    ------
    ValueError
        If `xs` is empty or holds a number that is not finite.

    Examples
    --------
    >>> describe([-1.0, 0.0, 1.0, 2.0])
    {'mean': 0.5, 'std': 1.118033988749895, 'left': 0.25, 'right': 0.75}
    """
    total, squares, below_zero, n = _lists.exact_sums(xs)
    if n == 0:
        raise ValueError("xs is empty: nothing to describe")
    left = below_zero / n
    return {
        "mean": total / (n << 1127),
        # variance = (n sum x^2 - (sum x)^2) / n^2
        "std": _sqrt_of_ratio(n * squares - total * total, n * n << 2254),
        "left": left,
        "right": 1.0 - left,
    }


def _sqrt_of_ratio(p: int, q: int) -> float:
    """sqrt(p / q), correctly rounded.

    The root is cut to at least 54 bits and its last bit set if anything was lost, so that the division below
    rounds once and correctly.
    """
    shift = (p.bit_length() - q.bit_length() - 109) // 2
    if shift >= 0:
        q <<= 2 * shift
    else:
        p <<= -2 * shift
    root = math.isqrt(p // q)
    root |= root * root * q != p
    return (root << shift) / 1 if shift >= 0 else root / (1 << -shift)


def stable_logsumexp(a: float, b: float) -> float:
    """``log(exp(a) + exp(b)) = max(a, b) + log1p(exp(-|a - b|))``.

    Minus infinity stands for the logarithm of 0 and is allowed.

    Raises
    ------
    ValueError
        If an argument is NaN or plus infinity.

    Examples
    --------
    >>> round(stable_logsumexp(-1000.0, -1000.0), 4)  # exp(-1000) is 0 in float64
    -999.3069
    """
    for name, value in (("a", a), ("b", b)):
        if not value < _INF:
            raise ValueError(f"{name} must be finite, got {value!r}")
    high, low = (a, b) if a > b else (b, a)
    return float(high) if low == -_INF else high + math.log1p(math.exp(low - high))


def clip_raw_a(v: float) -> float:
    """Clip to [-5, 5].

    Raises
    ------
    ValueError
        If `v` is not finite; ``max(-5, min(5, nan))`` would be 5.

    Examples
    --------
    >>> clip_raw_a(9.0), clip_raw_a(1.0)
    (5.0, 1.0)
    """
    return max(-5.0, min(5.0, finite(v, "v")))


def energy_value(x: float, theta: Sequence[float]) -> float:
    """Energy ``E(x) = -log(exp(-e1) + exp(-e2)) + c`` with ``e = exp(clip_raw_a(raw_a)) (x - m)^2 + k``.

    Parameters
    ----------
    x : float
    theta : sequence of 7 floats
        ``[raw_a1, m1, k1, raw_a2, m2, k2, c]``

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `x` or `theta` is not finite, or `theta` does not hold 7 numbers.
    OverflowError
        If the energy is larger than any float.

    Examples
    --------
    >>> round(energy_value(0.5, [0.0, -2.0, 0.0, 0.0, 2.0, 0.0, 0.0]), 3)
    2.232
    """
    return _compiled.energy_value(x, theta)


def energy_and_grads(x: float, theta: Sequence[float]) -> tuple[float, float, list[float]]:
    """Energy, dE/dx and dE/dtheta at one point.

    With ``d = x - m`` and ``w = exp(-e) / (exp(-e1) + exp(-e2))``: dE/dx is the sum of ``w 2 a d`` over the
    wells, dE/draw_a = ``w a d^2`` (also where raw_a is clipped), dE/dm = ``-2 w a d``, dE/dk = ``w`` and
    dE/dc = 1.

    Parameters and errors are those of `energy_value`.

    Returns
    -------
    energy : float
    grad_x : float
    grads : list of 7 floats

    Examples
    --------
    >>> e, slope, by_theta = energy_and_grads(0.5, [0.0, -2.0, 0.0, 0.0, 2.0, 0.0, 0.0])
    >>> round(e, 3), round(slope, 3), len(by_theta)
    (2.232, -2.856, 7)
    """
    return _compiled.energy_and_grads(x, theta)


def sgld_samples(
    theta: Sequence[float],
    x_init: Sequence[float],
    n_steps: int = 40,
    step_size: float = 0.06,
    noise_std: float = 0.08,
) -> list[float]:
    """Langevin chains: `n_steps` times ``x <- clip(x - step_size dE/dx + noise_std N(0, 1), -6, 6)``.

    Parameters
    ----------
    theta : sequence of 7 floats
    x_init : sequence of float
        One start for each chain; not changed.
    n_steps : int
        0 or less returns the starts.
    step_size, noise_std : float

    Returns
    -------
    list of float

    Raises
    ------
    ValueError
        If an argument is not finite, or `theta` does not hold 7 numbers.
    FloatingPointError
        If a chain leaves the range of floats before it is clipped; names the step and the chain.

    Examples
    --------
    >>> import random
    >>> random.seed(31)
    >>> len(sgld_samples([0.0, -2.0, 0.0, 0.0, 2.0, 0.0, 0.0], [0.0] * 10, n_steps=5))
    10
    """
    step_size, noise_std = finite(step_size, "step_size"), finite(noise_std, "noise_std")
    xs: list[float] = draw(_compiled.sgld_samples, theta, x_init, n_steps, step_size, noise_std)
    return xs


def mean_grads(xs: Sequence[float], theta: Sequence[float]) -> tuple[float, list[float]]:
    """Means over `xs` of the energy and of dE/dtheta.

    Raises
    ------
    ValueError
        If `xs` is empty, an argument is not finite, or `theta` does not hold 7 numbers.
    FloatingPointError
        If a sum is too large for a float.

    Examples
    --------
    >>> mean, by_theta = mean_grads([-2.0, 1.0], [0.0, -2.0, 0.0, 0.0, 2.0, 0.0, 0.0])
    >>> round(mean, 3), len(by_theta)
    (0.5, 7)
    """
    return _compiled.mean_grads(xs, theta)


def train_ebm(
    theta_init: Sequence[float],
    real_data: Sequence[float],
    steps: int = 380,
    batch_size: int = 96,
    lr: float = 0.016,
    reg: float = 8e-4,
    replay_ratio: float = 0.7,
) -> tuple[list[float], list[Record], SampleReplayBuffer]:
    """Contrastive training on ``E_data[E] - E_neg[E] + reg (raw_a1^2 + raw_a2^2 + 0.2 (k1^2 + k2^2))``.

    Each update draws a batch of data, starts ``int(batch_size * replay_ratio)`` chains from the replay buffer
    (all it holds, if less) and the rest from U(-4.5, 4.5), runs 30 Langevin steps and takes one gradient
    step; raw_a and k are then clipped to [-3, 3], m to [-4, 4].

    Parameters
    ----------
    theta_init : sequence of 7 floats
    real_data : sequence of float
    steps : int
        ``steps + 1`` updates are made; none if negative.
    batch_size : int
    lr, reg : float
    replay_ratio : float
        Above 1 there are more chains than data.

    Returns
    -------
    theta : list of 7 floats
    history : list of tuple
        ``(step, E_data, E_neg, E_data - E_neg, theta, replay size)`` at every 40th step: the energies before
        the update, theta after it.
    replay : SampleReplayBuffer
        The last 14000 chains.

    Raises
    ------
    ValueError
        If an argument is not finite, `theta_init` does not hold 7 numbers, or `batch_size` is not in
        [1, len(real_data)].
    FloatingPointError
        If a chain, an energy or theta leaves the range of floats; names the training step.

    Warns
    -----
    FastEBMWarning
        Once in a process: these chains are colder than the density that they stand for.

    Examples
    --------
    >>> import random
    >>> random.seed(31)
    >>> theta, history, buffer = train_ebm([0.0, -0.2, 0.0, 0.0, 0.2, 0.0, 0.0], sample_real(200), steps=20)
    >>> len(theta)
    7
    """
    batch_size, steps = operator.index(batch_size), operator.index(steps)
    n_replay = int(batch_size * finite(replay_ratio, "replay_ratio"))
    capacity = 14000
    cold(*STEP)
    theta, history, items = draw(
        _compiled.train,
        theta_init,
        real_data,
        steps + 1,
        batch_size,
        min(n_replay, capacity),
        capacity,
        30,
        finite(lr, "lr"),
        finite(reg, "reg"),
        [3.0, 4.0, 3.0, 3.0, 4.0, 3.0, _INF],
        40,
    )
    replay = SampleReplayBuffer(max_size=capacity)
    replay.items = items
    return theta, history, replay


def draw_model_samples(theta: Sequence[float], n: int = 2600) -> list[float]:
    """`n` chains of 60 Langevin steps (step size 0.05, noise 0.07) from starts in U(-4.5, 4.5).

    Errors are those of `sgld_samples`.

    Examples
    --------
    >>> import random
    >>> random.seed(31)
    >>> len(draw_model_samples([0.0, -2.0, 0.0, 0.0, 2.0, 0.0, 0.0], n=100))
    100
    """
    xs: list[float] = draw(_compiled.draw_model_samples, theta, n)
    return xs


def approx_partition(
    theta: Sequence[float], x_min: float = -6.0, x_max: float = 6.0, n_grid: int = 5000
) -> float:
    """Midpoint rule for ``Z``, the integral of ``exp(-E(x))`` over [x_min, x_max].

    Raises
    ------
    ValueError
        If an argument is not finite, or `n_grid` is less than 1.
    OverflowError
        If ``Z`` or an energy is larger than any float.

    Examples
    --------
    >>> round(approx_partition([0.0, -2.0, 0.0, 0.0, 2.0, 0.0, 0.0]), 3)
    3.545
    """
    x_min, x_max = finite(x_min, "x_min"), finite(x_max, "x_max")
    if n_grid < 1:
        raise ValueError(f"n_grid must be at least 1, got {n_grid}")
    dx = finite((x_max - x_min) / n_grid, "(x_max - x_min) / n_grid")
    total, shift = _compiled.sum_boltzmann(theta, x_min, dx, n_grid)
    # exp(-shift) alone may overflow where the product does not.
    half = math.exp(-0.5 * shift) if shift > -1400.0 else _INF
    z = total * dx * half * half
    if math.isinf(z):
        raise OverflowError(f"Z is about exp({-shift:.1f}), too large for a float: lower c or raise k")
    return z


def approx_density(theta: Sequence[float], x: float, z_est: float) -> float:
    """Density ``exp(-E(x)) / z_est``.

    Raises
    ------
    ValueError
        If an argument is not finite.
    ZeroDivisionError
        If `z_est` is 0.
    OverflowError
        If the density, or the energy, is larger than any float.

    Examples
    --------
    >>> theta = [0.0, -2.0, 0.0, 0.0, 2.0, 0.0, 0.0]
    >>> round(approx_density(theta, -2.0, approx_partition(theta)), 3)
    0.282
    """
    energy = _compiled.energy_value(x, theta)
    z_est = finite(z_est, "z_est")
    if z_est == 0.0:
        raise ZeroDivisionError(
            "z_est is 0: the model has no mass where it was estimated, or Z is too small for a float"
        )
    if abs(energy) <= 700.0:
        return math.exp(-energy) / z_est
    return math.copysign(math.exp(-energy - math.log(abs(z_est))), z_est)


def quick_train_with_sgld_steps(real_data: Sequence[float], sgld_steps: int) -> dict[str, float]:
    """Train with `sgld_steps` Langevin steps an update and `describe` 1200 samples of the model.

    Seeds `random` with ``77 + sgld_steps``; 140 updates of 64 data, 44 replayed chains and 20 new ones, lr
    0.016, only raw_a clipped (to [-3, 3]), no regulariser.

    Raises
    ------
    ValueError
        If `real_data` has fewer than 64 numbers, or one that is not finite.
    FloatingPointError
        If a chain, an energy or theta leaves the range of floats; names the training step.

    Examples
    --------
    >>> import random
    >>> random.seed(31)
    >>> sorted(quick_train_with_sgld_steps(sample_real(200), 5))
    ['left', 'mean', 'right', 'std']
    """
    state = random.Random(77 + sgld_steps).getstate()
    bounds = [3.0, _INF, _INF, 3.0, _INF, _INF, _INF]
    theta_init = [0.0, -0.1, 0.0, 0.0, 0.1, 0.0, 0.0]
    theta, _, _, state = _compiled.train(
        state, theta_init, real_data, 140, 64, 44, 5000, sgld_steps, 0.016, 0.0, bounds, 0
    )
    samples, state = _compiled.draw_model_samples(state, theta, 1200)
    stats = describe(samples)
    setstate(state)
    return stats
