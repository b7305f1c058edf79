from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

KINDS: dict[str, int]

def rest_of(beta: float) -> float: ...
def falls_from(n_updates: int, warm_up: int, hold: float) -> float: ...

@disjoint_base
class Schedule:
    def __init__(self, rate: float, n_updates: int, kind: str, warm_up: int, hold: float = 0.0) -> None: ...

@disjoint_base
class Average:
    def __init__(self, n_params: int, first: int, decay: float) -> None: ...
    def value(self, last: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...

@disjoint_base
class Optimiser:
    @property
    def average(self) -> Average: ...
    @property
    def last(self) -> NDArray[np.float64]: ...
    @property
    def before(self) -> NDArray[np.float64]: ...
    def restore_before(self, theta: NDArray[np.float64]) -> None: ...
    def __init__(
        self,
        theta: NDArray[np.float64],
        schedule: Schedule,
        average: Average,
        l2: NDArray[np.float64],
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        clip_norm: float | None = None,
    ) -> None: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...

@disjoint_base
class Adam(Optimiser):
    def __init__(
        self,
        theta: NDArray[np.float64],
        schedule: Schedule,
        average: Average,
        l2: NDArray[np.float64],
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        clip_norm: float | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None: ...
