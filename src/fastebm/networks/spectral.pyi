import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from .layers import Stack

def spectral_norm(w: NDArray[np.float64]) -> float: ...

@disjoint_base
class SpectralBound:
    @property
    def bound(self) -> float: ...
    def __init__(self, stack: Stack, bound: float) -> None: ...
