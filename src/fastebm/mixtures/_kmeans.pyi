import numpy as np
from numpy.typing import NDArray

def nearest(
    rows: NDArray[np.float64], centres: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...
def add_groups(
    rows: NDArray[np.float64], labels: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...
