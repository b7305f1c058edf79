"""The trainers, their replay buffer and their compiled loops."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))

from .contrastive import ContrastiveDivergence
from .ladder import NoiseLadder, annealed_langevin, noise_ladder
from .replay import ReplayBuffer
from .result import TrainingResult
from .score import ScoreMatching
from .score_result import ScoreResult

__all__ = [
    "ContrastiveDivergence",
    "NoiseLadder",
    "ReplayBuffer",
    "ScoreMatching",
    "ScoreResult",
    "TrainingResult",
    "annealed_langevin",
    "noise_ladder",
]
