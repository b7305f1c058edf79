"""Samplers: the contract in `base`, the driver, then one file for each sampler."""

from . import driver as _driver  # noqa: F401
from .base import Sampler
from .cycle import Cycle, cycle
from .hmc import HMC
from .independence import IndependenceMH
from .mala import MALA
from .mixture import MixtureMH
from .result import LadderStatistics, SampleResult
from .sgld import SGLD
from .state import RunState
from .tempering import Tempering
from .tuning import Tuning, tune
from .underdamped import Underdamped

__all__ = [
    "HMC",
    "MALA",
    "SGLD",
    "Cycle",
    "IndependenceMH",
    "LadderStatistics",
    "MixtureMH",
    "RunState",
    "SampleResult",
    "Sampler",
    "Tempering",
    "Tuning",
    "Underdamped",
    "cycle",
    "tune",
]
