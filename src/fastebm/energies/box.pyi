from typing import final

import numpy as np
import numpy.typing as npt

from .base import Energy

@final
class Box(Energy):
    @property
    def low(self) -> npt.NDArray[np.float64]: ...
    @property
    def high(self) -> npt.NDArray[np.float64]: ...
    def __init__(self, low: npt.ArrayLike, high: npt.ArrayLike) -> None: ...
