"""The trainer, its replay buffer and its compiled loop."""

from .contrastive import ContrastiveDivergence
from .replay import ReplayBuffer
from .result import TrainingResult

__all__ = ["ContrastiveDivergence", "ReplayBuffer", "TrainingResult"]
