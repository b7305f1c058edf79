from collections.abc import Iterable
from typing import final

from typing_extensions import disjoint_base

from .base import Sampler

@final
class Part: ...

@disjoint_base
class Cycle(Sampler):
    @property
    def parts(self) -> tuple[tuple[Sampler, int], ...]: ...
    @property
    def depth(self) -> int: ...
    def __init__(self, parts: Iterable[tuple[Sampler, int]], *, reserved: int = 0) -> None: ...

def cycle(*parts: Sampler | tuple[Sampler, int]) -> Cycle: ...
