from typing import final

from .base import Energy

@final
class DoubleWell(Energy):
    height: float
    def __init__(self, n_features: int = 1, height: float = 4.0) -> None: ...
