from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

from .._runtime.seed import _Seed
from ..energies.base import Energy
from .result import SampleResult

@disjoint_base
class Sampler:
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def _arguments(self) -> dict[str, Any]: ...
    def _check_ready(self) -> None: ...
    def _is_ready(self) -> bool: ...
    def check(self, energy: Energy) -> None: ...
    def sample(
        self,
        energy: Energy,
        x0: ArrayLike,
        n_steps: int,
        *,
        seed: _Seed = None,
        n_threads: int | None = None,
        thin: int | None = None,
        progress: bool = False,
    ) -> NDArray[np.float64]: ...
    def run(
        self,
        energy: Energy,
        x0: ArrayLike,
        n_steps: int,
        *,
        seed: _Seed = None,
        n_threads: int | None = None,
        thin: int | None = None,
        progress: bool = False,
    ) -> SampleResult: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
