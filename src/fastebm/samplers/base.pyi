from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

from .._runtime.seed import _Seed
from ..energies.base import Energy
from .result import SampleResult
from .state import RunState

def set_driver(function: Callable[..., Any]) -> None: ...
def as_sampler(value: object, name: str = "sampler") -> Sampler: ...

@disjoint_base
class Sampler:
    __hash__: ClassVar[None]  # type: ignore[assignment]
    @property
    def n_tallies(self) -> int: ...
    @property
    def exact_at(self) -> float | None: ...
    @property
    def adjusted(self) -> bool: ...
    @property
    def step_size(self) -> float | None: ...
    @property
    def temperature(self) -> float | None: ...
    @property
    def intended_temperature(self) -> float: ...
    @property
    def bounds(self) -> tuple[float, float] | None: ...
    @property
    def proposal_box(self) -> tuple[np.ndarray, np.ndarray] | None: ...
    def _arguments(self) -> dict[str, Any]: ...
    def _check_ready(self) -> None: ...
    def _is_ready(self) -> bool: ...
    def check(self, energy: Energy) -> None: ...
    def sample(
        self,
        energy: Energy,
        x0: ArrayLike | RunState,
        n_steps: int,
        *,
        seed: _Seed = None,
        n_threads: int | None = None,
        thin: int | None = None,
        progress: bool = False,
        first_chain: int | None = None,
        burn_in: int = 0,
    ) -> NDArray[np.float64]: ...
    def run(
        self,
        energy: Energy,
        x0: ArrayLike | RunState,
        n_steps: int,
        *,
        seed: _Seed = None,
        n_threads: int | None = None,
        thin: int | None = None,
        progress: bool = False,
        first_chain: int | None = None,
        burn_in: int = 0,
    ) -> SampleResult: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
