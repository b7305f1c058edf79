"""NumPy: hand gradient, every buffer reused, normals drawn in place, chains in blocks that stay in cache."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from workloads import Training, Workload

from .base import Peer

# SFC64 is the fastest of NumPy's own bit generators (about a tenth off the whole run against PCG64).
_BITS = np.random.SFC64
# One dimension: a pass costs 1-2 us of call overhead, so blocks are long; all buffers still fit a 1 MB cache.
_BLOCK = 20_000


def _blocks(n: int, size: int) -> Iterator[slice]:
    return (slice(i, min(i + size, n)) for i in range(0, n, size))


def _openblas_core() -> str:
    """Which kernels NumPy's own OpenBLAS chose; empty with another BLAS."""
    for path in (Path(np.__file__).parent.parent / "numpy.libs").glob("*openblas*"):
        library = ctypes.CDLL(str(path))  # the one that is loaded already
        for name in ("scipy_openblas_get_corename64_", "openblas_get_corename64_", "openblas_get_corename"):
            if hasattr(library, name):
                ask = getattr(library, name)
                ask.restype = ctypes.c_char_p
                return ask().decode()
    return ""


class NumpyPeer(Peer):
    packages = ("numpy",)
    libraries: ClassVar[tuple[str, ...]] = ("NumPy", "OpenBLAS")

    def instruction_set(self) -> tuple[str, bool]:
        try:
            from numpy._core import _multiarray_umath as core
        except ImportError:  # NumPy 1
            from numpy.core import _multiarray_umath as core

        # Only what is dispatched counts: the features also list what the processor merely has.
        on = [name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]]
        wide = any(name.startswith(("AVX512", "AVX10", "X86_V4")) for name in on)
        blas = _openblas_core()
        wide = wide or (blas != "" and blas not in ("Haswell", "Zen"))
        return (on[-1] if on else "baseline") + (f", OpenBLAS {blas}" if blas else ""), wide


class NumpyGeneral(NumpyPeer):
    """Any K and D: matrix products and a stable softmax, features first so that every pass is contiguous."""

    label = "NumPy"

    def supports(self, work: Workload) -> bool:
        return work.n_threads == 1

    def prepare(self, work: Workload) -> Callable[[], np.ndarray]:
        quad, lin, const = work.wells.quadratic()
        forward = -np.concatenate([quad, lin], axis=1)  # (K, 2D): minus the energies, up to a constant
        const = const[:, None]
        # dE/dx = 2 x (w @ quad) + w @ lin; both carry -step_size, so that the step is an addition.
        back_quad = np.ascontiguousarray(-2.0 * work.step_size * quad.T)
        back_lin = np.ascontiguousarray(-work.step_size * lin.T)
        k, d, s = work.n_wells, work.n_features, work.noise_std
        size = min(work.n_chains, max(256, _BLOCK // (2 * (k + d)) if k * d > 2 else _BLOCK))
        start = np.ascontiguousarray(work.x0().T)
        rng = np.random.Generator(_BITS(1))

        def run() -> np.ndarray:
            out = start.copy()
            for block in _blocks(work.n_chains, size):
                n = block.stop - block.start
                z, w, g, top = np.empty((2 * d, n)), np.empty((k, n)), np.empty((d, n)), np.empty(n)
                x, sq = z[d:], z[:d]
                x[:] = out[:, block]
                for _ in range(work.n_steps):
                    np.multiply(x, x, out=sq)
                    np.matmul(forward, z, out=w)
                    w -= const
                    np.max(w, axis=0, out=top)
                    w -= top
                    np.exp(w, out=w)
                    np.sum(w, axis=0, out=top)
                    w /= top
                    np.matmul(back_quad, w, out=g)
                    g *= x
                    x += g
                    np.matmul(back_lin, w, out=g)
                    x += g
                    rng.standard_normal(out=g)
                    g *= s
                    x += g
                out[:, block] = x
            return out

        return run

    def to_numpy(self, result: np.ndarray, work: Workload) -> np.ndarray:
        return result.T

    def prepare_training(self, work: Training) -> Callable[[], np.ndarray]:
        data = work.data()
        return lambda: _train(work, data, np.random.Generator(_BITS(31)))


class NumpyTwoWells(NumpyPeer):
    """Two wells in one dimension need one exponential and no softmax."""

    label = "NumPy (two-well formula)"

    def supports(self, work: Workload) -> bool:
        return work.two_wells and work.n_threads == 1

    def prepare(self, work: Workload) -> Callable[[], np.ndarray]:
        constants = work.wells.two_well_constants()
        start, rng = work.x0()[:, 0], np.random.Generator(_BITS(1))
        size = min(work.n_chains, _BLOCK)

        def run() -> np.ndarray:
            out, g, w = start.copy(), np.empty(size), np.empty(size)
            for block in _blocks(work.n_chains, size):
                n = block.stop - block.start
                _steps(out[block], g[:n], w[:n], constants, work.step_size, work.noise_std, work.n_steps, rng)
            return out

        return run


def _steps(
    x: np.ndarray,
    g: np.ndarray,
    w: np.ndarray,
    constants: tuple[float, ...],
    h: float,
    s: float,
    n_steps: int,
    rng: np.random.Generator,
    bound: float | None = None,
) -> None:
    """SGLD on two wells, in place: ten passes and one draw a step."""
    q2, q1, q0, g1, g0, d1, d0 = constants
    for _ in range(n_steps):
        np.multiply(x, q2, out=w)
        w += q1
        w *= x
        w += q0
        np.exp(w, out=w)
        w += 1.0
        np.multiply(x, -h * d1, out=g)
        g += -h * d0
        g /= w
        x *= 1.0 - h * g1
        g += -h * g0
        x += g
        rng.standard_normal(out=g)
        g *= s
        x += g
        if bound is not None:
            np.clip(x, -bound, bound, out=x)


def _train(work: Training, data: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The notebook's training, vectorised over the batch."""
    theta, limits = np.array(work.theta0), np.array(work.theta_limits)
    decay = 2.0 * work.l2 * np.array([1.0, 0.0, 0.2, 1.0, 0.0, 0.2, 0.0])
    n = work.batch_size
    replay, held = np.empty(work.n_updates * n), 0  # every state ever pushed; the newest buffer_size are live
    g, w = np.empty(n), np.empty(n)
    for _ in range(work.n_updates):
        batch = data[rng.choice(data.size, n, replace=False, shuffle=False)]
        x = rng.uniform(-work.init_range, work.init_range, n)
        if held:
            low = max(0, held - work.buffer_size)
            x[: work.n_replay] = replay[
                low + rng.choice(held - low, work.n_replay, replace=False, shuffle=False)
            ]
        _steps(
            x, g, w, _constants(theta), work.step_size, work.noise_std, work.n_steps, rng, work.state_bound
        )
        replay[held : held + n] = x
        held += n
        step = _mean_param_grad(batch, theta) - _mean_param_grad(x, theta) + decay * theta
        theta = np.clip(theta - work.learning_rate * step, -limits, limits)
    return theta


def _constants(theta: np.ndarray) -> tuple[float, ...]:
    (b1, m1, k1), (b2, m2, k2) = theta[:3].tolist(), theta[3:6].tolist()
    a1, a2 = np.exp(b1), np.exp(b2)
    q2, q1 = a1 - a2, -2.0 * (a1 * m1 - a2 * m2)
    return q2, q1, a1 * m1 * m1 + k1 - a2 * m2 * m2 - k2, 2.0 * a2, -2.0 * a2 * m2, 2.0 * q2, q1


def _mean_param_grad(x: np.ndarray, theta: np.ndarray) -> np.ndarray:
    q2, q1, q0, *_ = _constants(theta)
    w1 = 1.0 / (1.0 + np.exp((q2 * x + q1) * x + q0))
    parts = []
    for w, (b, m, _) in ((w1, theta[:3]), (1.0 - w1, theta[3:6])):
        a, d = np.exp(b), x - m
        parts += [a * np.dot(w, d * d), -2.0 * a * np.dot(w, d), w.sum()]
    return np.array([*parts, x.size]) / x.size
