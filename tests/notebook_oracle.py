"""The notebook in plain Python with stable arithmetic: the oracle of `fastebm.notebook`, bit for bit.

Same names, arguments and order of draws from the global `random` as the notebook. Only the arithmetic of two
wells differs, and only in the last digits wherever the notebook's own is sound:

    e = a d^2 + k,   d = x - m,   a = exp(clip(raw_a))
    t = exp(-|e1 - e2|),   E = min(e1, e2) - log1p(t) + c
    weights 1 / (1 + t) for the lower well, t / (1 + t) for the higher

A derivative with weight 0 is 0, however far its well. As in the notebook dE/draw_a = w a d^2 even where raw_a
is clipped; `fastebm.reference` has the true derivative. Arguments are not checked here.
"""

import math
import random
import statistics

Theta = list[float]
Record = tuple[int, float, float, float, Theta, int]


def sample_real(n: int) -> list[float]:
    """Draw `n` numbers from 0.55 N(-2, 0.45^2) + 0.45 N(1.8, 0.55^2)."""
    xs = []
    for _ in range(n):
        if random.random() < 0.55:
            xs.append(random.gauss(-2.0, 0.45))
        else:
            xs.append(random.gauss(1.8, 0.55))
    return xs


def describe(xs: list[float]) -> dict[str, float]:
    """Mean, standard deviation, and the fractions below zero and not below."""
    left = len([x for x in xs if x < 0]) / len(xs)
    return {"mean": statistics.mean(xs), "std": statistics.pstdev(xs), "left": left, "right": 1.0 - left}


def stable_logsumexp(a: float, b: float) -> float:
    """``log(exp(a) + exp(b)) = max(a, b) + log1p(exp(-|a - b|))``."""
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


def clip_raw_a(v: float) -> float:
    """Clip to [-5, 5]."""
    return max(-5.0, min(5.0, v))


def energy_value(x: float, theta: Theta) -> float:
    """E(x)."""
    return energy_and_grads(x, theta)[0]


def _share(w: float, v: float) -> float:
    return w * v if w else 0.0


def energy_and_grads(x: float, theta: Theta) -> tuple[float, float, list[float]]:
    """E(x), dE/dx and dE/dtheta."""
    raw_a1, m1, k1, raw_a2, m2, k2, c = theta
    a1, a2 = math.exp(clip_raw_a(raw_a1)), math.exp(clip_raw_a(raw_a2))
    d1, d2 = x - m1, x - m2
    q1, q2 = a1 * d1 * d1, a2 * d2 * d2
    e1, e2 = q1 + k1, q2 + k2
    t = math.exp(-abs(e1 - e2))
    low, high = 1.0 / (1.0 + t), t / (1.0 + t)
    w1, w2 = (low, high) if e1 <= e2 else (high, low)
    s1, s2 = 2.0 * a1 * d1, 2.0 * a2 * d2

    energy = (e1 if e1 <= e2 else e2) - math.log1p(t) + c
    grads = [_share(w1, q1), -_share(w1, s1), w1, _share(w2, q2), -_share(w2, s2), w2, 1.0]
    return energy, _share(w1, s1) + _share(w2, s2), grads


class SampleReplayBuffer:
    """The newest `max_size` numbers; none if `max_size` is 0."""

    def __init__(self, max_size: int = 12000) -> None:
        self.max_size = max_size
        self.items: list[float] = []

    def add(self, xs: list[float]) -> None:
        """Append; the oldest leave."""
        self.items.extend(xs)
        self.items = self.items[max(0, len(self.items) - self.max_size) :]

    def sample(self, n: int) -> list[float]:
        """Draw without replacement; all, in order and without a draw, if there are no more than `n`."""
        if not self.items or n >= len(self.items):
            return self.items[:]
        return random.sample(self.items, n)


def sgld_samples(
    theta: Theta, x_init: list[float], n_steps: int = 40, step_size: float = 0.06, noise_std: float = 0.08
) -> list[float]:
    """``x <- clip(x - step_size dE/dx + noise_std N(0, 1), -6, 6)``, `n_steps` times."""
    xs = x_init[:]
    for _ in range(n_steps):
        for i in range(len(xs)):
            grad_x = energy_and_grads(xs[i], theta)[1]
            x = xs[i] - step_size * grad_x + noise_std * random.gauss(0.0, 1.0)
            xs[i] = max(-6.0, min(6.0, x))
    return xs


def mean_grads(xs: list[float], theta: Theta) -> tuple[float, list[float]]:
    """Means of E and dE/dtheta."""
    g = [0.0] * 7
    e_sum = 0.0
    for x in xs:
        e, _, gp = energy_and_grads(x, theta)
        e_sum += e
        for i in range(7):
            g[i] += gp[i]
    return e_sum / len(xs), [v / len(xs) for v in g]


def train_ebm(
    theta_init: Theta,
    real_data: list[float],
    steps: int = 380,
    batch_size: int = 96,
    lr: float = 0.016,
    reg: float = 8e-4,
    replay_ratio: float = 0.7,
) -> tuple[Theta, list[Record], SampleReplayBuffer]:
    """Contrastive training; `steps` + 1 updates, every 40th recorded."""
    theta = theta_init[:]
    replay = SampleReplayBuffer(max_size=14000)
    history = []
    for step in range(steps + 1):
        x_data = random.sample(real_data, batch_size)
        x_neg = replay.sample(int(batch_size * replay_ratio))
        x_neg = x_neg + [random.uniform(-4.5, 4.5) for _ in range(batch_size - len(x_neg))]
        x_neg = sgld_samples(theta, x_neg, n_steps=30, step_size=0.055, noise_std=0.085)
        replay.add(x_neg)

        e_data, g_data = mean_grads(x_data, theta)
        e_neg, g_neg = mean_grads(x_neg, theta)
        grads = [p - n for p, n in zip(g_data, g_neg, strict=True)]
        for i in (0, 3):
            grads[i] += 2.0 * reg * theta[i]
        for i in (2, 5):
            grads[i] += 2.0 * reg * 0.2 * theta[i]
        theta = [t - lr * g for t, g in zip(theta, grads, strict=True)]
        for i, bound in enumerate((3.0, 4.0, 3.0, 3.0, 4.0, 3.0)):
            theta[i] = max(-bound, min(bound, theta[i]))

        if step % 40 == 0:
            history.append((step, e_data, e_neg, e_data - e_neg, theta[:], len(replay.items)))
    return theta, history, replay


def draw_model_samples(theta: Theta, n: int = 2600) -> list[float]:
    """`n` chains of 60 steps from uniform starts."""
    init = [random.uniform(-4.5, 4.5) for _ in range(n)]
    return sgld_samples(theta, init, n_steps=60, step_size=0.05, noise_std=0.07)


def approx_partition(theta: Theta, x_min: float = -6.0, x_max: float = 6.0, n_grid: int = 5000) -> float:
    """Midpoint rule for the integral of exp(-E); shifted by the lowest energy where exp(-E) would not fit."""
    dx = (x_max - x_min) / n_grid
    energies = [energy_value(x_min + (i + 0.5) * dx, theta) for i in range(n_grid)]
    shift = min(energies)
    if abs(shift) <= 600.0:
        shift = 0.0
    s = 0.0
    for e in energies:
        s += math.exp(shift - e)
    half = math.exp(-0.5 * shift)
    z = s * dx * half * half
    if math.isinf(z):
        raise OverflowError("Z is too large for a float")
    return z


def approx_density(theta: Theta, x: float, z_est: float) -> float:
    """``exp(-E(x)) / z_est``; in logarithms where exp(-E) alone would not fit."""
    e = energy_value(x, theta)
    if abs(e) <= 700.0:
        return math.exp(-e) / z_est
    return math.copysign(math.exp(-e - math.log(abs(z_est))), z_est)


def quick_train_with_sgld_steps(real_data: list[float], sgld_steps: int) -> dict[str, float]:
    """140 updates with `sgld_steps` Langevin steps each, then `describe` 1200 samples of the model."""
    random.seed(77 + sgld_steps)
    theta = [0.0, -0.1, 0.0, 0.0, 0.1, 0.0, 0.0]
    replay = SampleReplayBuffer(max_size=5000)
    for _ in range(140):
        x_data = random.sample(real_data, 64)
        x_neg = replay.sample(44)
        x_neg = x_neg + [random.uniform(-4.5, 4.5) for _ in range(64 - len(x_neg))]
        x_neg = sgld_samples(theta, x_neg, n_steps=sgld_steps, step_size=0.055, noise_std=0.085)
        replay.add(x_neg)

        _, g_data = mean_grads(x_data, theta)
        _, g_neg = mean_grads(x_neg, theta)
        theta = [t - 0.016 * (p - n) for t, p, n in zip(theta, g_data, g_neg, strict=True)]
        for i in (0, 3):
            theta[i] = max(-3.0, min(3.0, theta[i]))
    return describe(draw_model_samples(theta, n=1200))
