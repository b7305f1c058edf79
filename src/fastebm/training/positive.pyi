from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from .augment import Changes

@disjoint_base
class Positive:
    @property
    def batch(self) -> int: ...
    def __init__(self, data: NDArray[np.float64], batch: int, changes: Changes | None = None) -> None: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...
