from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Energy

@final
class Normal(Energy):
    @property
    def mean(self) -> NDArray[np.float64]: ...
    @property
    def std(self) -> NDArray[np.float64]: ...
    def __init__(self, mean: ArrayLike, std: ArrayLike) -> None: ...

@final
class Bridge(Energy):
    @property
    def start(self) -> Energy: ...
    @property
    def end(self) -> Energy: ...
    @property
    def beta(self) -> float: ...
    def __init__(self, start: Energy, end: Energy, beta: float = 1.0) -> None: ...
