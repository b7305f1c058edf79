"""blackjax.sgld as documented: ``jax.grad`` of the log density, the step inside one compiled loop.

All chains are one position array: the same arithmetic as ``vmap`` over chains, with one key a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from workloads import Workload

from .jax_peer import Jax, energy


class Blackjax(Jax):
    packages: ClassVar[tuple[str, ...]] = ("blackjax", "jax", "jaxlib")

    def __init__(self, dtype: str) -> None:
        super().__init__(dtype)
        self.label = f"blackjax.sgld {dtype}"

    def prepare(self, work: Workload) -> Callable[[], Any]:
        jax = self._setup()
        import blackjax

        start = jax.numpy.asarray(work.x0()[:, 0] if work.two_wells else work.x0().T, self.dtype)
        sgld = blackjax.sgld(jax.grad(lambda x, _batch: -energy(x, work).sum()))

        @jax.jit
        def sample(x: Any, key: Any) -> Any:
            def step(x: Any, key: Any) -> tuple[Any, None]:
                return sgld.step(key, x, None, work.step_size, work.temperature), None

            return jax.lax.scan(step, x, jax.random.split(key, work.n_steps))[0]

        key = jax.random.key(1)
        return lambda: sample(start, key).block_until_ready()
