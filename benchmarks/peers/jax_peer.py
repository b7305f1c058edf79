"""JAX: one compiled program for all steps, warm. The float64 and float32 rows run in different processes.

Tried, two wells, float64, one thread, ns per chain-step: threefry keys (the default) 23, ``rbg`` 73,
``unsafe_rbg`` 67, threefry uniforms with Box-Muller 31; ``fori_loop`` with ``fold_in`` and ``scan`` over
split keys cost the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from workloads import Workload

from .base import Peer


class Jax(Peer):
    packages: ClassVar[tuple[str, ...]] = ("jax", "jaxlib")
    libraries: ClassVar[tuple[str, ...]] = ("XLA", "oneDNN")
    compiles = True
    suffix = "hand gradient"

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.label = f"JAX {dtype} ({self.suffix})"

    def _setup(self) -> Any:
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", self.dtype == "float64")
        return jax

    def instruction_set(self) -> tuple[str, bool]:
        jax = self._setup()
        compiled = jax.jit(jax.numpy.exp).lower(jax.numpy.ones(64, self.dtype)).compile()
        # XLA puts the features it compiled for into what it would store.
        stored = compiled.runtime_executable().serialize()
        if b"avx2" not in stored:
            return "unknown", False
        wide = b"+avx512f" in stored
        return f"compiles for {'AVX-512' if wide else 'AVX2'}", wide

    def prepare(self, work: Workload) -> Callable[[], Any]:
        jax = self._setup()
        start = jax.numpy.asarray(work.x0()[:, 0] if work.two_wells else work.x0().T, self.dtype)
        grad = self._grad(work)
        h, s = work.step_size, work.noise_std

        @jax.jit
        def sample(x: Any, key: Any) -> Any:
            def step(t: Any, x: Any) -> Any:
                noise = jax.random.normal(jax.random.fold_in(key, t), x.shape, x.dtype)
                return x - h * grad(x) + s * noise

            return jax.lax.fori_loop(0, work.n_steps, step, x)

        key = jax.random.key(1)
        return lambda: sample(start, key).block_until_ready()

    def to_numpy(self, result: Any, work: Workload) -> np.ndarray:
        return np.asarray(result, dtype=np.float64).reshape(work.n_features, work.n_chains).T

    def _grad(self, work: Workload) -> Callable[[Any], Any]:
        import jax
        import jax.numpy as jnp

        if work.two_wells:
            q2, q1, q0, g1, g0, d1, d0 = work.wells.two_well_constants()
            return lambda x: g1 * x + g0 + (d1 * x + d0) / (1.0 + jnp.exp((q2 * x + q1) * x + q0))
        quad, lin, const = (jnp.asarray(v, self.dtype) for v in work.wells.quadratic())

        def grad(x: Any) -> Any:  # x is (D, n): chains contiguous
            w = jax.nn.softmax(-(quad @ (x * x) + lin @ x + const[:, None]), axis=0)
            return 2.0 * x * (quad.T @ w) + lin.T @ w

        return grad


class JaxAutograd(Jax):
    suffix = "autograd"

    def _grad(self, work: Workload) -> Callable[[Any], Any]:
        import jax

        return jax.grad(lambda x: energy(x, work).sum())


def energy(x: Any, work: Workload) -> Any:
    """E(x) up to c, for x of shape (n,) with two wells and (D, n) otherwise."""
    import jax
    import jax.numpy as jnp

    quad, lin, const = (jnp.asarray(v, x.dtype) for v in work.wells.quadratic())
    if work.two_wells:
        e0, e1 = ((quad[j, 0] * x + lin[j, 0]) * x + const[j] for j in (0, 1))
        return -jnp.logaddexp(-e0, -e1)
    return -jax.nn.logsumexp(-(quad @ (x * x) + lin @ x + const[:, None]), axis=0)
