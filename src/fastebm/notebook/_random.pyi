from typing import Any, Self, final

_State = tuple[Any, ...]

@final
class Stream:
    def __new__(cls, state: _State) -> Self: ...

@final
class Chooser:
    def __new__(cls, n_max: int) -> Self: ...
