from typing import Any

from typing_extensions import disjoint_base

from .._runtime.control import Control
from .._runtime.team import Team
from ..energies.base import Energy
from ..samplers.cycle import Cycle
from .history import History
from .negatives import Negatives
from .optimiser import Optimiser
from .positive import Positive

OWN_PURPOSES: int

def state_size(sampler: Cycle, energy: Energy) -> int: ...

@disjoint_base
class Loop(Team):
    @property
    def update(self) -> int: ...
    @property
    def counts(self) -> list[dict[str, int]]: ...
    def __init__(
        self,
        energy: Energy,
        sampler: Cycle | None,
        positive: Positive,
        negatives: Negatives,
        optimiser: Optimiser,
        history: History,
        *,
        n_updates: int,
        seed: Any,
        control: Control,
        n_threads: int | None = None,
    ) -> None: ...
    def advance(self, updates: int) -> int: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...
