from typing import final

import numpy as np
import numpy.typing as npt

from .base import Energy

@final
class PhiFour(Energy):
    @property
    def height(self) -> float: ...
    @property
    def coupling(self) -> float: ...
    @property
    def modes(self) -> npt.NDArray[np.float64]: ...
    @property
    def mode_shares(self) -> npt.NDArray[np.float64]: ...
    @property
    def mode_scales(self) -> npt.NDArray[np.float64]: ...
    def __init__(self, n_features: int = 8, height: float = 1.0, coupling: float = 5.0) -> None: ...
