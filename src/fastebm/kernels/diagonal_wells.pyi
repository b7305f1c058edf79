from typing import final

from .well_loops import WellLoops

@final
class DiagonalWells(WellLoops):
    def __init__(self, n_wells: int, n_features: int, limit: float) -> None: ...
