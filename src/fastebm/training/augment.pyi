from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import disjoint_base

from .._runtime.seed import _Seed

FIRST_CHAIN: int

def per_feature(value: ArrayLike, name: str, n_features: int | None = None) -> NDArray[np.float64]: ...

@disjoint_base
class Augmentation:
    __hash__: ClassVar[None]  # type: ignore[assignment]
    @property
    def n_features(self) -> int: ...
    def _arguments(self) -> dict[str, Any]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __reduce__(self) -> tuple[Any, ...]: ...

@disjoint_base
class Noise(Augmentation):
    def __init__(self, std: ArrayLike) -> None: ...

@disjoint_base
class OfImages(Augmentation):
    @property
    def image_shape(self) -> tuple[int, ...]: ...
    def __init__(self, image_shape: Sequence[int], prob: float) -> None: ...

@disjoint_base
class Shift(OfImages):
    @property
    def pixels(self) -> int: ...
    def __init__(
        self, image_shape: Sequence[int], pixels: int = 1, prob: float = 0.3, fill: str | float = "edge"
    ) -> None: ...

@disjoint_base
class Flip(OfImages):
    @property
    def axis(self) -> int: ...
    def __init__(self, image_shape: Sequence[int], axis: int = -1, prob: float = 0.5) -> None: ...

@disjoint_base
class Crop(OfImages):
    @property
    def pixels(self) -> int: ...
    def __init__(
        self, image_shape: Sequence[int], pixels: int = 1, prob: float = 0.3, fill: str | float = "edge"
    ) -> None: ...

@disjoint_base
class Link: ...

@disjoint_base
class Changes:
    @property
    def parts(self) -> tuple[Any, ...]: ...
    @property
    def compiled(self) -> bool: ...
    @property
    def nothing(self) -> bool: ...
    def __init__(self, parts: Sequence[Any], stds: NDArray[np.float64]) -> None: ...
    def visit(
        self, rows: NDArray[np.float64], seed: _Seed, *, visits: int = 1, augmented: bool = True
    ) -> NDArray[np.float64]: ...
