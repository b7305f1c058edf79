from typing import final

import numpy as np
import numpy.typing as npt

from .base import Energy
from .combined import Combined

@final
class Conditioned(Combined):
    @property
    def free(self) -> npt.NDArray[np.int64]: ...
    @property
    def observed(self) -> npt.NDArray[np.int64]: ...
    @property
    def values(self) -> npt.NDArray[np.float64]: ...
    def __init__(self, energy: Energy, observed: npt.ArrayLike, values: npt.ArrayLike) -> None: ...
