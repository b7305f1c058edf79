from typing import final

import numpy as np
import numpy.typing as npt

from .._runtime.seed import _Seed
from .base import Energy

@final
class GaussianBernoulliRBM(Energy):
    @property
    def n_hidden(self) -> int: ...
    @property
    def std(self) -> npt.NDArray[np.float64]: ...
    @property
    def weights(self) -> npt.NDArray[np.float64]: ...
    def __init__(
        self, n_features: int, n_hidden: int, theta: npt.ArrayLike | None = None, *, seed: _Seed = 0
    ) -> None: ...
