import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

from .base import Sampler

@disjoint_base
class IndependenceMH(Sampler):
    @property
    def temperature(self) -> float: ...
    @property
    def low(self) -> NDArray[np.float64]: ...
    @property
    def high(self) -> NDArray[np.float64]: ...
    def __init__(self, low: ArrayLike, high: ArrayLike, *, temperature: float = 1.0) -> None: ...
