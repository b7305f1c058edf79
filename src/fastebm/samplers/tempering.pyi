from typing import final

import numpy.typing as npt
from typing_extensions import disjoint_base

from .base import Sampler
from .result import LadderStatistics, SampleResult
from .state import RunState

@final
class Rung: ...

@disjoint_base
class Tempering(Sampler):
    @property
    def sampler(self) -> Sampler: ...
    @property
    def temperatures(self) -> tuple[float, ...]: ...
    @property
    def swap_every(self) -> int: ...
    @property
    def step_sizes(self) -> tuple[float, ...] | None: ...
    def __init__(
        self,
        sampler: Sampler,
        temperatures: npt.ArrayLike,
        *,
        swap_every: int = 5,
        step_sizes: npt.ArrayLike | None = None,
    ) -> None: ...
    def swap_statistics(self, state: RunState | SampleResult) -> LadderStatistics: ...
