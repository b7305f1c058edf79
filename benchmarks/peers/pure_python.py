"""Plain Python, one chain and one step at a time, with the random numbers of the standard library."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from workloads import Training, Workload

from .base import Peer

Theta = list[float]


def _clip(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))


def _energy_and_grads(x: float, theta: Theta) -> tuple[float, float, list[float]]:
    """Energy, dE/dx and dE/dtheta of two wells: the notebook's work for every chain and every step."""
    raw_a1, m1, k1, raw_a2, m2, k2, c = theta
    a1 = math.exp(_clip(raw_a1, 5.0))
    a2 = math.exp(_clip(raw_a2, 5.0))
    d1, d2 = x - m1, x - m2
    u1 = math.exp(-(a1 * d1 * d1 + k1))
    u2 = math.exp(-(a2 * d2 * d2 + k2))
    total = u1 + u2
    w1 = u1 / total
    w2 = 1.0 - w1
    s1, s2 = 2.0 * a1 * d1, 2.0 * a2 * d2
    by_theta = [w1 * d1 * d1 * a1, -w1 * s1, w1, w2 * d2 * d2 * a2, -w2 * s2, w2, 1.0]
    return c - math.log(total), w1 * s1 + w2 * s2, by_theta


def _sgld(
    theta: Theta, start: list[float], n_steps: int, step_size: float, noise_std: float, bound: float
) -> list[float]:
    xs = start[:]
    for _ in range(n_steps):
        for i in range(len(xs)):
            _, grad, _ = _energy_and_grads(xs[i], theta)
            xs[i] = xs[i] - step_size * grad + noise_std * random.gauss(0.0, 1.0)
            xs[i] = max(-bound, min(bound, xs[i]))
    return xs


def _mean_param_grad(xs: list[float], theta: Theta) -> tuple[float, list[float]]:
    energy, total = 0.0, [0.0] * 7
    for x in xs:
        e, _, by_theta = _energy_and_grads(x, theta)
        energy += e
        for i in range(7):
            total[i] += by_theta[i]
    return energy / len(xs), [v / len(xs) for v in total]


def _train(work: Training, data: list[float]) -> Theta:
    theta, replay, limits = work.theta0, [], work.theta_limits
    for _ in range(work.n_updates):
        batch = random.sample(data, work.batch_size)
        start = random.sample(replay, work.n_replay) if replay else []
        start += [
            random.uniform(-work.init_range, work.init_range) for _ in range(work.batch_size - len(start))
        ]
        xs = _sgld(theta, start, work.n_steps, work.step_size, work.noise_std, work.state_bound)
        replay = (replay + xs)[-work.buffer_size :]
        _, positive = _mean_param_grad(batch, theta)
        _, negative = _mean_param_grad(xs, theta)
        grads = [p - n for p, n in zip(positive, negative, strict=True)]
        for i, weight in ((0, 1.0), (3, 1.0), (2, 0.2), (5, 0.2)):
            grads[i] += 2.0 * work.l2 * weight * theta[i]
        theta = [_clip(t - work.learning_rate * g, b) for t, g, b in zip(theta, grads, limits, strict=True)]
    return theta


class Notebook(Peer):
    """The notebook's way: every step of every chain also computes the energy and the parameter gradients."""

    label = "pure Python (notebook)"
    max_chain_steps = 25_000

    def supports(self, work: Workload) -> bool:
        return work.two_wells and work.n_threads == 1

    def prepare(self, work: Workload) -> Callable[[], list[float]]:
        theta, start = work.wells.theta.tolist(), work.x0()[:, 0].tolist()
        return lambda: _sgld(theta, start, work.n_steps, work.step_size, work.noise_std, 6.0)

    def prepare_training(self, work: Training) -> Callable[[], Theta]:
        data = work.data().tolist()

        def run() -> Theta:
            random.seed(31)
            return _train(work, data)

        return run


class GradientOnly(Peer):
    """The best plain Python we know: only dE/dx, one exponential, everything in local names."""

    label = "pure Python (gradient only)"
    max_chain_steps = 25_000

    def supports(self, work: Workload) -> bool:
        return work.two_wells and work.n_threads == 1

    def prepare(self, work: Workload) -> Callable[[], list[float]]:
        q2, q1, q0, g1, g0, d1, d0 = work.wells.two_well_constants()
        h, s, n_steps = work.step_size, work.noise_std, work.n_steps
        start = work.x0()[:, 0].tolist()

        def run() -> list[float]:
            exp, gauss, out = math.exp, random.gauss, []
            for x in start:
                for _ in range(n_steps):
                    x += s * gauss() - h * (g1 * x + g0 + (d1 * x + d0) / (1.0 + exp((q2 * x + q1) * x + q0)))
                out.append(x)
            return out

        return run
