from collections.abc import Sequence
from typing import Any, Self, final

from numpy.typing import ArrayLike

from .base import Energy

@final
class NetworkEnergy(Energy):
    @property
    def single(self) -> bool: ...
    @property
    def base(self) -> Energy | None: ...
    @property
    def dtype(self) -> str: ...
    @property
    def layers(self) -> list[Any]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    def __init__(
        self,
        shape: int | Sequence[int],
        layers: Sequence[Any],
        *,
        base: Energy | None = None,
        loc: ArrayLike | None = None,
        scale: ArrayLike | None = None,
        spectral_norm: float | None = None,
        dtype: str = "float32",
        seed: Any = 0,
    ) -> None: ...
    @classmethod
    def mlp(
        cls,
        n_features: int,
        hidden: int | Sequence[int] = (128, 128),
        *,
        activation: str = "silu",
        base: Energy | None = None,
        loc: ArrayLike | None = None,
        scale: ArrayLike | None = None,
        spectral_norm: float | None = None,
        dtype: str = "float32",
        seed: Any = 0,
    ) -> Self: ...
    @classmethod
    def conv(
        cls,
        image_shape: Sequence[int],
        channels: int | Sequence[int] = (16, 32),
        dense: int | Sequence[int] = (128,),
        *,
        activation: str = "silu",
        base: Energy | None = None,
        loc: ArrayLike | None = None,
        scale: ArrayLike | None = None,
        spectral_norm: float | None = None,
        dtype: str = "float32",
        seed: Any = 0,
    ) -> Self: ...
