from typing import final

from .base import Energy
from .combined import Combined

@final
class Sum(Combined):
    def __init__(self, first: Energy, second: Energy) -> None: ...
