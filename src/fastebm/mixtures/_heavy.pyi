from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._runtime.control import Control
from ._em import Blocks, Climb
from ._em_full import FullClimb

@final
class Tails:
    df: NDArray[np.float64]
    def __init__(self, df: ArrayLike, n_features: int, low: float, high: float, tied: bool) -> None: ...

@final
class HeavyClimb(Climb):
    @property
    def df(self) -> NDArray[np.float64]: ...
    def __init__(
        self,
        data: Blocks,
        weights: ArrayLike,
        means: ArrayLike,
        scales: ArrayLike,
        df: ArrayLike,
        narrowest: float,
        widest: float,
        df_range: tuple[float, float],
        tied: bool,
        control: Control,
    ) -> None: ...

@final
class HeavyFullClimb(FullClimb):
    @property
    def df(self) -> NDArray[np.float64]: ...
    def __init__(
        self,
        data: Blocks,
        weights: ArrayLike,
        means: ArrayLike,
        scales: ArrayLike,
        df: ArrayLike,
        narrowest: float,
        widest: float,
        df_range: tuple[float, float],
        tied: bool,
        control: Control,
    ) -> None: ...
