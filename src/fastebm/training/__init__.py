"""The trainer, its replay buffer and its compiled loop."""

from .._isa import level_path

__path__ = level_path(list(__path__))

from .contrastive import ContrastiveDivergence  # noqa: E402
from .replay import ReplayBuffer  # noqa: E402
from .result import TrainingResult  # noqa: E402

__all__ = ["ContrastiveDivergence", "ReplayBuffer", "TrainingResult"]
