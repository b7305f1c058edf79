from collections.abc import Iterable
from typing import Self, final

@final
class Memory:
    def __new__(cls, size: int) -> Self: ...

def exact_sums(xs: Iterable[float]) -> tuple[int, int, int, int]: ...
