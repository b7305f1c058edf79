"""The trainers, their replay buffer and their compiled loops."""

from .augment import Crop, Flip, Noise, Shift
from .contrastive import ContrastiveDivergence
from .ladder import NoiseLadder, annealed_langevin, noise_ladder
from .replay import ReplayBuffer
from .result import TrainingResult
from .score import ScoreMatching
from .score_result import ScoreResult

__all__ = [
    "ContrastiveDivergence",
    "Crop",
    "Flip",
    "Noise",
    "NoiseLadder",
    "ReplayBuffer",
    "ScoreMatching",
    "ScoreResult",
    "Shift",
    "TrainingResult",
    "annealed_langevin",
    "noise_ladder",
]
