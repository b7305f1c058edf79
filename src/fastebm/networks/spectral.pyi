import numpy as np
from numpy.typing import NDArray

def spectral_norm(w: NDArray[np.float64]) -> float: ...
