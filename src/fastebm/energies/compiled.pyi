from typing import Any, final

import numpy.typing as npt

from .base import Energy

@final
class CompiledEnergy(Energy):
    unsaved: str
    def __init__(
        self,
        energy: Any,
        grad: Any,
        n_features: int = 1,
        *,
        param_grad: Any = None,
        laplacian: Any = None,
        theta: npt.ArrayLike | None = None,
        check: bool = True,
    ) -> None: ...
    def trial(self) -> None: ...
