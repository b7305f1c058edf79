from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Energy

_Function = Callable[[NDArray[np.float64]], ArrayLike]

@final
class PythonEnergy(Energy):
    def __init__(
        self, energy: _Function, grad: _Function, n_features: int = 1, *, laplacian: _Function | None = None
    ) -> None: ...
