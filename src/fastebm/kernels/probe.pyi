from typing import Literal

import numpy as np
from numpy.typing import NDArray

def apply(name: str, values: bytes | bytearray | memoryview) -> NDArray[np.float64]: ...
def threefry(k0: int, k1: int, c0: int, c1: int) -> tuple[int, int]: ...
def pairs(
    what: Literal["normal", "uniform"], k0: int, k1: int, chain0: int, c1: int, n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
