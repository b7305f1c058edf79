"""The teaching notebook's functions, compiled: ``from fastebm.notebook import *`` in place of its definitions."""

from .functions import *  # noqa: F403
from .functions import __all__ as __all__
