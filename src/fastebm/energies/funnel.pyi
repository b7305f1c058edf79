from typing import final

from .base import Energy

@final
class Funnel(Energy):
    scale: float
    def __init__(self, n_features: int = 10, scale: float = 3.0) -> None: ...
