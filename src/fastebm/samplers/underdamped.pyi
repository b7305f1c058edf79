from typing import Literal

import numpy.typing as npt
from typing_extensions import disjoint_base

from .base import Sampler

@disjoint_base
class Underdamped(Sampler):
    @property
    def friction(self) -> float: ...
    @property
    def metropolis(self) -> bool: ...
    @property
    def temperature(self) -> float: ...
    @property
    def automatic(self) -> bool: ...
    @property
    def scale(self) -> tuple[float, ...] | None: ...
    def __init__(
        self,
        step_size: float | Literal["auto"],
        friction: float = 1.0,
        *,
        metropolis: bool = False,
        temperature: float = 1.0,
        scale: npt.ArrayLike | None = None,
    ) -> None: ...
