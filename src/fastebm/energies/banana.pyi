from typing import final

from .base import Energy

@final
class Banana(Energy):
    curvature: float
    scale: float
    def __init__(self, n_features: int = 2, curvature: float = 0.1, scale: float = 3.0) -> None: ...
