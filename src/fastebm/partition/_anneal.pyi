from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from .._runtime.control import Control
from ..energies.base import Energy

_Floats = NDArray[np.float64]

@disjoint_base
class Annealing:
    @property
    def control(self) -> Control: ...
    def work(self) -> None: ...
    def run(self, n_threads: int) -> None: ...

def anneal(
    base: Energy,
    other: Energy,
    tilt: bool,
    rows: _Floats,
    betas: _Floats,
    times: _Floats,
    scale: _Floats,
    keep: float,
    stream: tuple[int, int],
    *,
    n_threads: int | None = None,
    adapt: tuple[float, float] | None = None,
    record: bool = False,
    show: Any = None,
) -> tuple[_Floats, _Floats, _Floats, _Floats, _Floats, _Floats | None, int]: ...
