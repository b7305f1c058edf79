"""TorchEBM's LangevinDynamics as documented, with the analytic ``gradient`` its base model allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from workloads import Workload

from .base import Peer
from .torch_peer import capability


class TorchEBM(Peer):
    packages: ClassVar[tuple[str, ...]] = ("torchebm", "torch")
    libraries: ClassVar[tuple[str, ...]] = ("ATen", "oneDNN", "MKL")

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.label = f"TorchEBM {dtype}"

    def instruction_set(self) -> tuple[str, bool]:
        return capability()

    def prepare(self, work: Workload) -> Callable[[], Any]:
        import torch
        from torchebm.samplers import LangevinDynamics

        torch.set_num_threads(work.n_threads)
        dtype = getattr(torch, self.dtype)
        model = _model(torch, dtype, work)
        # Its noise is noise_scale * sqrt(2 * step_size).
        scale = work.noise_std / np.sqrt(2.0 * work.step_size)
        sampler = LangevinDynamics(
            model, step_size=work.step_size, noise_scale=scale, dtype=dtype, device="cpu"
        )
        rng = torch.Generator().manual_seed(1)
        start = torch.tensor(work.x0(), dtype=dtype)
        return lambda: sampler.sample(x=start, n_steps=work.n_steps, generator=rng)

    def to_numpy(self, result: Any, work: Workload) -> np.ndarray:
        return result.numpy().astype(np.float64)


def _model(torch: Any, dtype: Any, work: Workload) -> Any:
    from torchebm.core import BaseModel

    quad, lin, const = (torch.tensor(v, dtype=dtype) for v in work.wells.quadratic())
    q2, q1, q0, g1, g0, d1, d0 = work.wells.two_well_constants() if work.two_wells else (0.0,) * 7

    class Wells(BaseModel):
        def forward(self, x: Any) -> Any:
            return -torch.logsumexp(-(x * x @ quad.T + x @ lin.T + const), dim=1)

        def gradient(self, x: Any, model_kwargs: Any = None) -> Any:
            if work.two_wells:
                return g1 * x + g0 + (d1 * x + d0) * torch.sigmoid(-((q2 * x + q1) * x + q0))
            w = torch.softmax(-(x * x @ quad.T + x @ lin.T + const), dim=1)
            return 2.0 * x * (w @ quad) + w @ lin

    return Wells(dtype=dtype, device="cpu")
