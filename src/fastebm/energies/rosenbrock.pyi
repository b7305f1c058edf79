from typing import final

from .base import Energy

@final
class Rosenbrock(Energy):
    a: float
    b: float
    def __init__(self, a: float = 0.05, b: float = 5.0) -> None: ...
