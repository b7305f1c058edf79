"""The trainer, its replay buffer and its compiled loop."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))

from .augment import Crop, Flip, Noise, Shift
from .contrastive import ContrastiveDivergence
from .replay import ReplayBuffer
from .result import TrainingResult

__all__ = ["ContrastiveDivergence", "Crop", "Flip", "Noise", "ReplayBuffer", "Shift", "TrainingResult"]
