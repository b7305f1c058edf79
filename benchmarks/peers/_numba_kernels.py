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
