from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from .augment import Changes

@disjoint_base
class Negatives:
    @property
    def n_chains(self) -> int: ...
    @property
    def log_weights(self) -> NDArray[np.float64]: ...
    def __init__(
        self,
        n_chains: int,
        n_features: int,
        width: int,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
    ) -> None: ...
    def change(self, changes: Changes, prob: float) -> None: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...

@disjoint_base
class Persistent(Negatives):
    def __init__(
        self,
        chains: NDArray[np.float64],
        width: int,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        *,
        reinit_prob: float = 0.0,
    ) -> None: ...

@disjoint_base
class Weighted(Persistent):
    @property
    def smallest_ess(self) -> float: ...
    @property
    def n_resampled(self) -> int: ...
    def __init__(
        self, chains: NDArray[np.float64], width: int, low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> None: ...

@disjoint_base
class Fifo(Negatives):
    @property
    def capacity(self) -> int: ...
    @property
    def ring_start(self) -> int: ...
    @property
    def ring_size(self) -> int: ...
    def __init__(
        self,
        n_chains: int,
        n_features: int,
        width: int,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        *,
        rows: NDArray[np.float64],
        n_replay: int,
    ) -> None: ...
