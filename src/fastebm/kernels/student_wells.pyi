from typing import final

import numpy as np
from numpy.typing import NDArray

from .well_loops import WellLoops

@final
class StudentWells(WellLoops):
    @property
    def full(self) -> bool: ...
    @property
    def low_df(self) -> float: ...
    @property
    def high_df(self) -> float: ...
    def __init__(
        self, n_wells: int, n_features: int, limit: float, full: bool, low_df: float, high_df: float
    ) -> None: ...
    def excesses(self) -> NDArray[np.float64]: ...
