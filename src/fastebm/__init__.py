"""fastebm: energy-based models on an ordinary CPU."""

from ._errors import FastEBMWarning, NonFiniteError, TrainingError, TrainingInterrupted
from ._info import __version__, info
from .energies import Energy, PythonEnergy, WellMixture
from .samplers import MALA, SGLD, IndependenceMH, Sampler, SampleResult
from .training import ContrastiveDivergence, ReplayBuffer, TrainingResult
from .training.recipes import initial_wells

__all__ = [
    "MALA",
    "SGLD",
    "ContrastiveDivergence",
    "Energy",
    "FastEBMWarning",
    "IndependenceMH",
    "NonFiniteError",
    "PythonEnergy",
    "ReplayBuffer",
    "SampleResult",
    "Sampler",
    "TrainingError",
    "TrainingInterrupted",
    "TrainingResult",
    "WellMixture",
    "__version__",
    "info",
    "initial_wells",
]
