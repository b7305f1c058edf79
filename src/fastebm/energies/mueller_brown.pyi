from typing import final

from .base import Energy

@final
class MuellerBrown(Energy):
    temperature: float
    def __init__(self, temperature: float = 10.0) -> None: ...
