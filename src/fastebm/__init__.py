"""fastebm: energy-based models on an ordinary CPU."""

from ._errors import FastEBMWarning, NonFiniteError, TrainingError, TrainingInterrupted
from ._info import __version__, info
from .density.log_partition import LogPartition, UntrustedEstimateError, log_partition
from .diagnostics import (
    Diagnostic,
    GradientReport,
    barrier_crossings,
    check_grad,
    diagnose,
    ess,
    mode_occupancy,
    rhat,
)
from .energies import Energy, PythonEnergy, WellMixture
from .samplers import MALA, SGLD, IndependenceMH, MixtureMH, Sampler, SampleResult
from .training import ContrastiveDivergence, ReplayBuffer, TrainingResult
from .training.recipes import initial_wells

__all__ = [
    "MALA",
    "SGLD",
    "ContrastiveDivergence",
    "Diagnostic",
    "Energy",
    "FastEBMWarning",
    "GradientReport",
    "IndependenceMH",
    "LogPartition",
    "MixtureMH",
    "NonFiniteError",
    "PythonEnergy",
    "ReplayBuffer",
    "SampleResult",
    "Sampler",
    "TrainingError",
    "TrainingInterrupted",
    "TrainingResult",
    "UntrustedEstimateError",
    "WellMixture",
    "__version__",
    "barrier_crossings",
    "check_grad",
    "diagnose",
    "ess",
    "info",
    "initial_wells",
    "log_partition",
    "mode_occupancy",
    "rhat",
]
