"""Samplers: the contract and the driver in `base`, then one file for each sampler."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))

from .base import Sampler
from .independence import IndependenceMH
from .mala import MALA
from .mixture import MixtureMH
from .result import SampleResult
from .sgld import SGLD

__all__ = ["MALA", "SGLD", "IndependenceMH", "MixtureMH", "SampleResult", "Sampler"]
