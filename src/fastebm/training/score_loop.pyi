from typing import Any

from typing_extensions import disjoint_base

from .._runtime.control import Control
from .._runtime.team import Team
from ..energies.base import Energy
from .history import History
from .optimiser import Optimiser
from .positive import Positive

@disjoint_base
class ScoreLoop(Team):
    @property
    def update(self) -> int: ...
    def __init__(
        self,
        energy: Energy,
        positive: Positive,
        optimiser: Optimiser,
        history: History,
        *,
        noise_std: float,
        n_draws: int,
        n_updates: int,
        seed: Any,
        control: Control,
        n_threads: int | None = None,
    ) -> None: ...
    def advance(self, updates: int) -> int: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...
