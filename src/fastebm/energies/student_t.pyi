from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Energy

@final
class StudentT(Energy):
    df: float
    @property
    def loc(self) -> NDArray[np.float64]: ...
    @property
    def scale(self) -> NDArray[np.float64]: ...
    def __init__(self, df: float, loc: ArrayLike = 0.0, scale: ArrayLike = 1.0) -> None: ...
