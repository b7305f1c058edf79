"""PyTorch on the CPU: hand gradient, no autograd, in-place operations, normals drawn into a buffer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from workloads import Workload

from .base import Peer


class Torch(Peer):
    packages: ClassVar[tuple[str, ...]] = ("torch",)
    libraries: ClassVar[tuple[str, ...]] = ("ATen", "oneDNN", "MKL")

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.label = f"PyTorch {dtype}"

    def instruction_set(self) -> tuple[str, bool]:
        return capability()

    def prepare(self, work: Workload) -> Callable[[], Any]:
        import torch

        torch.set_num_threads(work.n_threads)
        dtype = getattr(torch, self.dtype)
        rng = torch.Generator().manual_seed(1)
        one_dimension = work.two_wells
        start = torch.tensor(
            np.ascontiguousarray(work.x0().T)[0] if one_dimension else work.x0().T, dtype=dtype
        )
        start = start.contiguous()
        step = _two_wells(torch, work, start) if one_dimension else _wells(torch, work, start)
        noise = torch.empty_like(start)

        @torch.inference_mode()
        def run() -> Any:
            x = start.clone()
            for _ in range(work.n_steps):
                step(x)
                x.add_(noise.normal_(generator=rng), alpha=work.noise_std)
            return x

        return run

    def to_numpy(self, result: Any, work: Workload) -> np.ndarray:
        return result.numpy().astype(np.float64).reshape(work.n_features, work.n_chains).T


def capability() -> tuple[str, bool]:
    import torch

    name = torch.backends.cpu.get_cpu_capability()
    return f"ATen {name}", name.startswith("AVX512")


def _two_wells(torch: Any, work: Workload, like: Any) -> Callable[[Any], None]:
    q2, q1, q0, g1, g0, d1, d0 = work.wells.two_well_constants()
    h = work.step_size
    w, g = torch.empty_like(like), torch.empty_like(like)

    def step(x: Any) -> None:
        torch.mul(x, -q2, out=w)
        w.sub_(q1).mul_(x).sub_(q0).sigmoid_()
        torch.mul(x, -h * d1, out=g)
        g.sub_(h * d0).mul_(w).sub_(h * g0)
        x.mul_(1.0 - h * g1).add_(g)

    return step


def _wells(torch: Any, work: Workload, like: Any) -> Callable[[Any], None]:
    dtype, h = like.dtype, work.step_size
    quad, lin, const = (torch.tensor(v, dtype=dtype) for v in work.wells.quadratic())
    forward, const = torch.cat([-quad, -lin], dim=1), -const[:, None]
    back_quad, back_lin = (-2.0 * h * quad.T).contiguous(), (-h * lin.T).contiguous()
    d, n = like.shape
    z, w, g = like.new_empty(2 * d, n), like.new_empty(work.n_wells, n), torch.empty_like(like)
    p = torch.empty_like(w)

    def step(x: Any) -> None:
        torch.mul(x, x, out=z[:d])
        z[d:].copy_(x)
        torch.addmm(const, forward, z, out=w)
        torch.softmax(w, dim=0, out=p)
        torch.mm(back_quad, p, out=g)
        x.addcmul_(g, x)
        x.addmm_(back_lin, p)

    # addcmul_ changes x before the linear term is added, which is right: both weights p come from the old x.
    return step
