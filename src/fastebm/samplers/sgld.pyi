from typing import Literal

import numpy.typing as npt
from typing_extensions import disjoint_base

from .base import Sampler

@disjoint_base
class SGLD(Sampler):
    @property
    def automatic(self) -> bool: ...
    @property
    def scale(self) -> tuple[float, ...] | None: ...
    @property
    def noise_std(self) -> float: ...
    @property
    def temperature(self) -> float: ...
    @property
    def bounds(self) -> tuple[float, float] | None: ...
    def __init__(
        self,
        step_size: float | Literal["auto"],
        *,
        temperature: float | None = None,
        noise_std: float | None = None,
        bounds: tuple[float, float] | None = None,
        scale: npt.ArrayLike | None = None,
    ) -> None: ...
