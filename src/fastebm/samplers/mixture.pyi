from numpy.typing import ArrayLike
from typing_extensions import disjoint_base

from .base import Sampler

@disjoint_base
class MixtureMH(Sampler):
    @property
    def temperature(self) -> float: ...
    @property
    def n_parts(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    def __init__(
        self, weights: ArrayLike, means: ArrayLike, stds: ArrayLike, *, temperature: float = 1.0
    ) -> None: ...
