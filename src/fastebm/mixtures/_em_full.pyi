import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

from .._runtime.control import Control
from ._em import Blocks, Climb

@disjoint_base
class FullClimb(Climb):
    covariances: NDArray[np.float64]
    def __init__(
        self,
        data: Blocks,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        narrowest: float,
        widest: float,
        control: Control,
    ) -> None: ...
    def shrink(self, own: float, pooled: float, apart: float = 0.0) -> FullClimb: ...
