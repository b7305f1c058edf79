from collections.abc import Callable

from numpy.typing import ArrayLike
from typing_extensions import disjoint_base

from .base import Energy

_Function = Callable[..., ArrayLike]

@disjoint_base
class PythonEnergy(Energy):
    unsaved: str
    def __init__(
        self,
        energy: _Function,
        grad: _Function,
        n_features: int = 1,
        *,
        laplacian: _Function | None = None,
        param_grad: _Function | None = None,
        param_grad_sum: _Function | None = None,
        theta: ArrayLike | None = None,
    ) -> None: ...
