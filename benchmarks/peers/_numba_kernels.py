"""The loops of the Numba peer, in a module of their own because importing Numba takes a second."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba as nb
import numpy as np

BLOCK = 256
jit = nb.njit(fastmath=True, nogil=True)


@jit
def two_wells_plain(start, constants, n_steps, h, s):
    q2, q1, q0, g1, g0, d1, d0 = constants
    out = start.copy()
    for i in range(out.size):
        x = out[i]
        for _ in range(n_steps):
            grad = g1 * x + g0 + (d1 * x + d0) / (1.0 + np.exp((q2 * x + q1) * x + q0))
            x = x - h * grad + s * np.random.standard_normal()  # noqa: NPY002
        out[i] = x
    return out


@jit
def two_wells_split(start, rng, constants, n_steps, h, s):
    q2, q1, q0, g1, g0, d1, d0 = constants
    out = start.copy()
    z = np.empty(BLOCK)
    for low in range(0, out.size, BLOCK):
        x = out[low : low + BLOCK]
        for _ in range(n_steps):
            for i in range(x.size):
                z[i] = rng.standard_normal()
            for i in range(x.size):
                v = x[i]
                grad = g1 * v + g0 + (d1 * v + d0) / (1.0 + np.exp((q2 * v + q1) * v + q0))
                x[i] = v - h * grad + s * z[i]
    return out


@jit
def wells_split(start, rng, a, m, k, n_steps, h, s):
    n, d = start.shape
    n_wells = k.size
    out = start.copy()
    z, w, grad = np.empty((BLOCK, d)), np.empty(n_wells), np.empty(d)
    for low in range(0, n, BLOCK):
        x = out[low : low + BLOCK]
        for _ in range(n_steps):
            for i in range(x.shape[0]):
                for f in range(d):
                    z[i, f] = rng.standard_normal()
            for i in range(x.shape[0]):
                least = np.inf
                for j in range(n_wells):
                    e = k[j]
                    for f in range(d):
                        diff = x[i, f] - m[j, f]
                        e += a[j, f] * diff * diff
                    w[j] = e
                    least = min(least, e)
                total = 0.0
                for j in range(n_wells):
                    w[j] = np.exp(least - w[j])
                    total += w[j]
                grad[:] = 0.0
                for j in range(n_wells):
                    weight = 2.0 * w[j] / total
                    for f in range(d):
                        grad[f] += weight * a[j, f] * (x[i, f] - m[j, f])
                for f in range(d):
                    x[i, f] += s * z[i, f] - h * grad[f]
    return out


@jit
def _draw(rng, order, size, n):
    """The first ``n`` of ``order`` become a sample without replacement of 0 .. size-1 (partial shuffle)."""
    for i in range(n):
        j = rng.integers(i, size)
        order[i], order[j] = order[j], order[i]


@jit
def _add_param_grad(x, theta, sign, out):
    a1, m1, k1, a2, m2, k2 = np.exp(theta[0]), theta[1], theta[2], np.exp(theta[3]), theta[4], theta[5]
    scale = sign / x.size
    for i in range(x.size):
        d1, d2 = x[i] - m1, x[i] - m2
        w1 = 1.0 / (1.0 + np.exp(a1 * d1 * d1 + k1 - a2 * d2 * d2 - k2))
        w1, w2 = scale * w1, scale * (1.0 - w1)
        out[0] += w1 * a1 * d1 * d1
        out[1] -= 2.0 * w1 * a1 * d1
        out[2] += w1
        out[3] += w2 * a2 * d2 * d2
        out[4] -= 2.0 * w2 * a2 * d2
        out[5] += w2


@jit
def train(data, rng, theta0, limits, decay, counts, reals):
    n_updates, n, n_steps, n_replay, capacity = counts
    h, s, learning_rate, init_range, bound = reals
    theta, grad = theta0.copy(), np.empty(7)
    replay, order, held = np.empty(n_updates * n), np.arange(capacity), 0
    pick, batch, x, z = np.arange(data.size), np.empty(n), np.empty(n), np.empty(n)
    for _ in range(n_updates):
        _draw(rng, pick, data.size, n)
        for i in range(n):
            batch[i] = data[pick[i]]
            x[i] = rng.uniform(-init_range, init_range)
        live = min(held, capacity)
        if live > 0:
            # While the buffer grows, a shuffled ``order`` is no permutation of 0 .. live-1: start afresh.
            if live < capacity:
                order[:live] = np.arange(live)
            _draw(rng, order, live, n_replay)
            for i in range(n_replay):
                x[i] = replay[held - live + order[i]]
        a1, m1, a2, m2 = np.exp(theta[0]), theta[1], np.exp(theta[3]), theta[4]
        q2, q1, g1, g0 = a1 - a2, -2.0 * (a1 * m1 - a2 * m2), 2.0 * a2, -2.0 * a2 * m2
        q0 = a1 * m1 * m1 + theta[2] - a2 * m2 * m2 - theta[5]
        for _ in range(n_steps):
            for i in range(n):
                z[i] = rng.standard_normal()
            for i in range(n):
                v = x[i]
                v -= (
                    h * (g1 * v + g0 + (2.0 * q2 * v + q1) / (1.0 + np.exp((q2 * v + q1) * v + q0)))
                    - s * z[i]
                )
                x[i] = min(max(v, -bound), bound)
        replay[held : held + n] = x
        held += n
        for p in range(7):
            grad[p] = decay[p] * theta[p]
        _add_param_grad(batch, theta, 1.0, grad)
        _add_param_grad(x, theta, -1.0, grad)
        for p in range(7):
            theta[p] = min(max(theta[p] - learning_rate * grad[p], -limits[p]), limits[p])
    return theta


def threaded(
    kernel: Callable[..., np.ndarray],
    start: np.ndarray,
    rngs: list[np.random.Generator],
    constants: Any,
    args: tuple,
) -> np.ndarray:
    """One Python thread and one generator per part: generators cannot be shared inside ``prange``."""
    parts = np.array_split(start, len(rngs))
    with ThreadPoolExecutor(len(rngs)) as pool:
        return np.concatenate(
            list(pool.map(lambda p: kernel(p[0], p[1], constants, *args), zip(parts, rngs, strict=True)))
        )
