"""fastebm: energy-based models on an ordinary CPU."""

from importlib import import_module
from typing import TYPE_CHECKING

from ._runtime.errors import (
    CertificateInterrupted,
    FastEBMWarning,
    ModelFileError,
    NonFiniteError,
    SamplingInterrupted,
    TrainingError,
    TrainingInterrupted,
    UntrustedFitError,
)
from ._runtime.info import __version__, info
from .energies import (
    Affine,
    Banana,
    Box,
    CompiledEnergy,
    Conditioned,
    DoubleWell,
    Energy,
    Funnel,
    Gaussian,
    GaussianBernoulliRBM,
    MuellerBrown,
    NetworkEnergy,
    PhiFour,
    PythonEnergy,
    Rosenbrock,
    StudentT,
    StudentTMixture,
    Sum,
    Tempered,
    WellMixture,
)
from .mixtures.starts import initial_wells
from .samplers import (
    HMC,
    MALA,
    SGLD,
    Cycle,
    IndependenceMH,
    MixtureMH,
    RunState,
    Sampler,
    SampleResult,
    Tempering,
    Tuning,
    Underdamped,
    cycle,
    tune,
)
from .training import (
    ContrastiveDivergence,
    Crop,
    Flip,
    Noise,
    NoiseLadder,
    ReplayBuffer,
    ScoreMatching,
    ScoreResult,
    Shift,
    TrainingResult,
    annealed_langevin,
    noise_ladder,
)
from .training.after_fit import CERTIFY as _CERTIFY
from .training.after_fit import CHECKS as _CHECKS

__all__ = [
    "HMC",
    "MALA",
    "SGLD",
    "Affine",
    "Banana",
    "Box",
    "Certificate",
    "CertificateInterrupted",
    "Comparison",
    "CompiledEnergy",
    "Conditioned",
    "ContrastiveDivergence",
    "Crop",
    "Cycle",
    "Diagnostic",
    "DoubleWell",
    "Energy",
    "EnergyDensity",
    "EnergyNovelty",
    "Explanation",
    "FastEBMWarning",
    "Flip",
    "Funnel",
    "Gaussian",
    "GaussianBernoulliRBM",
    "GradientReport",
    "IndependenceMH",
    "LogPartition",
    "MixtureMH",
    "ModelFileError",
    "MuellerBrown",
    "NetworkEnergy",
    "Noise",
    "NoiseLadder",
    "NonFiniteError",
    "PhiFour",
    "PreparedDensity",
    "Preprocessing",
    "PythonEnergy",
    "ReplayBuffer",
    "Rosenbrock",
    "RunState",
    "Sample",
    "SampleResult",
    "Sampler",
    "SamplingInterrupted",
    "ScaledNetwork",
    "ScaledWells",
    "ScoreMatching",
    "ScoreResult",
    "Shift",
    "StudentT",
    "StudentTMixture",
    "Sum",
    "SweepResult",
    "Tempered",
    "Tempering",
    "TrainingError",
    "TrainingInterrupted",
    "TrainingResult",
    "Tuning",
    "Underdamped",
    "UntrustedEstimateError",
    "UntrustedFitError",
    "WellMixture",
    "__version__",
    "annealed_langevin",
    "barrier_crossings",
    "certificate",
    "check_grad",
    "conditional_sample",
    "cycle",
    "diagnose",
    "ess",
    "explain",
    "fit_auto",
    "fit_network",
    "fit_wells",
    "impute",
    "info",
    "initial_wells",
    "load",
    "log_partition",
    "mcse",
    "mode_occupancy",
    "noise_ladder",
    "register",
    "rhat",
    "sample",
    "save",
    "score_error",
    "sweep",
    "tune",
]


# Loaded when first asked for: together they take as long to import as everything above, and scikit-learn far longer.
_LATER = {
    "Certificate": "partition.certificate",
    "Comparison": "partition.certificate",
    "Diagnostic": "diagnostics",
    "EnergyDensity": "estimator",
    "EnergyNovelty": "novelty",
    "Explanation": "answers",
    "GradientReport": "diagnostics",
    "LogPartition": "partition.log_partition",
    "Sample": "sampling",
    "PreparedDensity": "fitting.prepared",
    "Preprocessing": "preprocess",
    "ScaledNetwork": "fitting.scaled_network",
    "ScaledWells": "fitting.scaled_wells",
    "SweepResult": "fitting.sweep",
    "UntrustedEstimateError": "partition.log_partition",
    "barrier_crossings": "diagnostics",
    "certificate": "partition.certificate",
    "check_grad": "diagnostics",
    "conditional_sample": "answers",
    "diagnose": "diagnostics",
    "ess": "diagnostics",
    "explain": "answers",
    "fit_auto": "fitting.auto",
    "fit_network": "fitting.network",
    "fit_wells": "fitting.scaled_wells",
    "impute": "answers",
    "load": "io",
    "log_partition": "partition.log_partition",
    "mcse": "diagnostics",
    "mode_occupancy": "diagnostics",
    "register": "storage.outside",
    "rhat": "diagnostics",
    "sample": "sampling",
    "save": "io",
    "score_error": "diagnostics",
    "sweep": "fitting.sweep",
}
_ROOMS = (
    "datasets",
    "density",
    "diagnostics",
    "fitting",
    "interchange",
    "interop",
    "io",
    "mixtures",
    "notebook",
    "partition",
    "plotting",
    "preprocess",
    "reference",
    "revisited",
)

if TYPE_CHECKING:
    from .answers import Explanation, conditional_sample, explain, impute
    from .diagnostics import (
        Diagnostic,
        GradientReport,
        barrier_crossings,
        check_grad,
        ess,
        mcse,
        mode_occupancy,
        rhat,
        score_error,
    )
    from .diagnostics.diagnose import diagnose
    from .estimator import EnergyDensity
    from .fitting.auto import fit_auto
    from .fitting.network import fit_network
    from .fitting.prepared import PreparedDensity
    from .fitting.scaled_network import ScaledNetwork
    from .fitting.scaled_wells import ScaledWells, fit_wells
    from .fitting.sweep import SweepResult, sweep
    from .io import load, save
    from .novelty import EnergyNovelty
    from .partition.certificate import Certificate, Comparison, certificate
    from .partition.log_partition import LogPartition, UntrustedEstimateError, log_partition
    from .preprocess import Preprocessing
    from .sampling import Sample, sample
    from .storage.outside import register


def _diagnosed(result, data, held_out):
    # The checks are above training in the order of rooms, and loaded only when a run ends.
    from .diagnostics.diagnose import after_fit

    return after_fit(result, data, held_out)


def _certified(energy, X_test, **options):
    from .partition.certificate import certificate

    return certificate(energy, X_test, **options)


_CHECKS.append(_diagnosed)
_CERTIFY.append(_certified)


def __getattr__(name):
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name in _LATER:
        value = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        if name != "EnergyDensity":
            globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *_ROOMS})
