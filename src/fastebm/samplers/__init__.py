"""Samplers: the contract in `base`, the driver, then one file for each sampler."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))

from . import driver as driver
from .base import Sampler
from .cycle import Cycle, cycle
from .independence import IndependenceMH
from .mala import MALA
from .mixture import MixtureMH
from .result import SampleResult
from .sgld import SGLD
from .state import RunState

__all__ = [
    "MALA",
    "SGLD",
    "Cycle",
    "IndependenceMH",
    "MixtureMH",
    "RunState",
    "SampleResult",
    "Sampler",
    "cycle",
]
