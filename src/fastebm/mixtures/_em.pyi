import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

from .._runtime.control import Control
from .._runtime.team import Team

@disjoint_base
class Blocks:
    n: int
    n_features: int
    def __init__(self, rows: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> None: ...

@disjoint_base
class Climb(Team):
    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    stds: NDArray[np.float64]
    log_likelihood: float
    narrowest: float
    n: int
    n_wells: int
    n_iter: int
    @property
    def spread(self) -> NDArray[np.float64]: ...
    @property
    def narrow(self) -> NDArray[np.bool_]: ...
    def __init__(
        self,
        data: Blocks,
        weights: ArrayLike,
        means: ArrayLike,
        stds: ArrayLike,
        narrowest: float,
        widest: float,
        control: Control,
    ) -> None: ...
    def climb(self, max_iter: int, tol: float, n_threads: int = 1) -> Climb: ...
    def log_prob(self, data: Blocks) -> NDArray[np.float64]: ...
