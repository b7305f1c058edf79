from typing_extensions import disjoint_base

from .base import Energy

@disjoint_base
class Combined(Energy):
    @property
    def parts(self) -> tuple[Energy, ...]: ...
    def _parts(self) -> tuple[Energy, ...]: ...
    def _closed(self) -> Energy | None: ...
