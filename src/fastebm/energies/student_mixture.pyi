from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Energy

@final
class StudentTMixture(Energy):
    @property
    def n_wells(self) -> int: ...
    @property
    def covariance(self) -> str: ...
    @property
    def weights_(self) -> NDArray[np.float64]: ...
    @property
    def means_(self) -> NDArray[np.float64]: ...
    @property
    def degrees_of_freedom_(self) -> NDArray[np.float64]: ...
    @property
    def scale_matrices_(self) -> NDArray[np.float64]: ...
    @property
    def scales_(self) -> NDArray[np.float64]: ...
    @property
    def covariances_(self) -> NDArray[np.float64]: ...
    @property
    def modes(self) -> NDArray[np.float64]: ...
    @property
    def mode_shares(self) -> NDArray[np.float64]: ...
    @property
    def mode_scales(self) -> NDArray[np.float64]: ...
    @property
    def scale_limits(self) -> tuple[float, float]: ...
    def _factors(self) -> NDArray[np.float64]: ...
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
        scales: ArrayLike | None = None,
        df: ArrayLike | None = None,
        *,
        scale_matrices: ArrayLike | None = None,
        normalised: bool = True,
    ) -> Self: ...
