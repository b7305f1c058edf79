from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from .._runtime.control import Control
from ..energies.base import Energy
from ..samplers.base import Sampler

@disjoint_base
class Loop:
    @property
    def update(self) -> int: ...
    @property
    def n_resampled(self) -> int: ...
    @property
    def smallest_ess(self) -> float: ...
    @property
    def last_theta(self) -> NDArray[np.float64]: ...
    @property
    def average_theta(self) -> NDArray[np.float64]: ...
    @property
    def ring(self) -> tuple[int, int]: ...
    @property
    def weights(self) -> NDArray[np.float64]: ...
    @property
    def counts(self) -> dict[str, int]: ...
    def __init__(
        self,
        energy: Energy,
        sampler: Sampler,
        global_move: Sampler | None,
        data: NDArray[np.float64],
        *,
        store: NDArray[np.float64],
        ring: tuple[int, int],
        chains: NDArray[np.float64],
        history: NDArray[np.float64],
        n_updates: int,
        n_steps: int,
        global_steps: int,
        batch: int,
        learning_rate: float,
        optimizer: str,
        fifo: bool,
        n_replay: int,
        reinit_prob: float,
        reinit_low: NDArray[np.float64],
        reinit_high: NDArray[np.float64],
        l2: NDArray[np.float64],
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        average_from: int,
        weighted: bool,
        seed: Any,
        control: Control,
    ) -> None: ...
    def advance(self, updates: int) -> int: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...
