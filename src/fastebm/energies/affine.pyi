from typing import final

import numpy as np
import numpy.typing as npt

from .base import Energy
from .combined import Combined

@final
class Affine(Combined):
    @property
    def scale(self) -> npt.NDArray[np.float64]: ...
    @property
    def offset(self) -> npt.NDArray[np.float64]: ...
    def __init__(self, energy: Energy, scale: npt.ArrayLike, offset: npt.ArrayLike = 0.0) -> None: ...
