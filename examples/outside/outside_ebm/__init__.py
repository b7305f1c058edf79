"""An energy and a sampler of somebody's own, compiled against the installed fastebm."""

import fastebm as fe

from .kick import Kick
from .quartic import QuarticWell

# So that fe.load and checkpoints know them wherever this package is imported.
fe.register(QuarticWell)
fe.register(Kick)

__all__ = ["Kick", "QuarticWell"]
