from typing import final

from .base import Energy
from .combined import Combined

@final
class Tempered(Combined):
    @property
    def temperature(self) -> float: ...
    def __init__(self, energy: Energy, temperature: float) -> None: ...
