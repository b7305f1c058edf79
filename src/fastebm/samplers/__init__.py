"""Samplers: the contract and the driver in `base`, then one file for each sampler."""

from .._isa import level_path

__path__ = level_path(list(__path__))

from .base import Sampler  # noqa: E402
from .independence import IndependenceMH  # noqa: E402
from .mala import MALA  # noqa: E402
from .mixture import MixtureMH  # noqa: E402
from .result import SampleResult  # noqa: E402
from .sgld import SGLD  # noqa: E402

__all__ = ["MALA", "SGLD", "IndependenceMH", "MixtureMH", "SampleResult", "Sampler"]
