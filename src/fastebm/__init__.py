"""fastebm: energy-based models on an ordinary CPU."""

from ._errors import FastEBMWarning, NonFiniteError, TrainingError, TrainingInterrupted
from ._info import __version__, info
from .energies import Energy, PythonEnergy, WellMixture
from .samplers import SGLD, Sampler, SampleResult

__all__ = [
    "SGLD",
    "Energy",
    "FastEBMWarning",
    "NonFiniteError",
    "PythonEnergy",
    "SampleResult",
    "Sampler",
    "TrainingError",
    "TrainingInterrupted",
    "WellMixture",
    "__version__",
    "info",
]
