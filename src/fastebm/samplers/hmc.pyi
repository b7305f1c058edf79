from typing import Literal

import numpy.typing as npt
from typing_extensions import disjoint_base

from .base import Sampler

@disjoint_base
class HMC(Sampler):
    @property
    def n_leapfrog(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def automatic(self) -> bool: ...
    @property
    def scale(self) -> tuple[float, ...] | None: ...
    def __init__(
        self,
        step_size: float | Literal["auto"],
        n_leapfrog: int = 10,
        *,
        temperature: float = 1.0,
        scale: npt.ArrayLike | None = None,
    ) -> None: ...
