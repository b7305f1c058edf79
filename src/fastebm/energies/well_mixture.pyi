from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Energy

@final
class WellMixture(Energy):
    @property
    def n_wells(self) -> int: ...
    @property
    def covariance(self) -> str: ...
    @property
    def weights_(self) -> NDArray[np.float64]: ...
    @property
    def means_(self) -> NDArray[np.float64]: ...
    @property
    def stds_(self) -> NDArray[np.float64]: ...
    @property
    def covariances_(self) -> NDArray[np.float64]: ...
    @property
    def modes(self) -> NDArray[np.float64]: ...
    @property
    def mode_shares(self) -> NDArray[np.float64]: ...
    @property
    def mode_scales(self) -> NDArray[np.float64]: ...
    def _factors(self) -> NDArray[np.float64]: ...
    def _rescaled(self, offset: NDArray[np.float64], scale: NDArray[np.float64]) -> Self | None: ...
    @property
    def scale_limits(self) -> tuple[float, float]: ...
    def __init__(
        self,
        n_wells: int = 2,
        n_features: int = 1,
        theta: ArrayLike | None = None,
        *,
        covariance: str = "diag",
    ) -> None: ...
    @classmethod
    def from_mixture(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        stds: ArrayLike | None = None,
        *,
        covariances: ArrayLike | None = None,
        normalised: bool = True,
    ) -> Self: ...
