from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Energy

@final
class WellMixture(Energy):
    @property
    def n_wells(self) -> int: ...
    @property
    def weights_(self) -> NDArray[np.float64]: ...
    @property
    def means_(self) -> NDArray[np.float64]: ...
    @property
    def stds_(self) -> NDArray[np.float64]: ...
    def __init__(self, n_wells: int = 2, n_features: int = 1, theta: ArrayLike | None = None) -> None: ...
    @classmethod
    def from_mixture(
        cls, weights: ArrayLike, means: ArrayLike, stds: ArrayLike, *, normalised: bool = True
    ) -> Self: ...
