from typing_extensions import disjoint_base

from .base import Sampler

@disjoint_base
class SGLD(Sampler):
    @property
    def step_size(self) -> float: ...
    @property
    def noise_std(self) -> float: ...
    @property
    def temperature(self) -> float: ...
    @property
    def bounds(self) -> tuple[float, float] | None: ...
    def __init__(
        self,
        step_size: float,
        *,
        temperature: float | None = None,
        noise_std: float | None = None,
        bounds: tuple[float, float] | None = None,
    ) -> None: ...
