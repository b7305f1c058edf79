"""fastebm: energy-based models on an ordinary CPU."""

from ._errors import FastEBMWarning, ModelFileError, NonFiniteError, TrainingError, TrainingInterrupted
from ._info import __version__, info
from .density.log_partition import LogPartition, UntrustedEstimateError, log_partition
from .density.scaled_wells import ScaledWells, fit_wells
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
from .io import load, save
from .samplers import MALA, SGLD, IndependenceMH, MixtureMH, Sampler, SampleResult
from .training import ContrastiveDivergence, ReplayBuffer, TrainingResult
from .training.recipes import initial_wells

__all__ = [
    "MALA",
    "SGLD",
    "ContrastiveDivergence",
    "Diagnostic",
    "Energy",
    "EnergyDensity",
    "FastEBMWarning",
    "GradientReport",
    "IndependenceMH",
    "LogPartition",
    "MixtureMH",
    "ModelFileError",
    "NonFiniteError",
    "PythonEnergy",
    "ReplayBuffer",
    "SampleResult",
    "Sampler",
    "ScaledWells",
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
    "fit_wells",
    "info",
    "initial_wells",
    "load",
    "log_partition",
    "mode_occupancy",
    "rhat",
    "save",
]


def __getattr__(name):
    # EnergyDensity brings scikit-learn, which takes longer to import than all of this package.
    if name == "EnergyDensity":
        from .estimator import EnergyDensity

        return EnergyDensity
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
