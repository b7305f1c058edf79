"""Energies: the contract in `base`, then one file for each energy."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))

from .banana import Banana
from .base import Energy
from .double_well import DoubleWell
from .funnel import Funnel
from .gaussian import Gaussian
from .mueller_brown import MuellerBrown
from .python_energy import PythonEnergy
from .rosenbrock import Rosenbrock
from .student_t import StudentT
from .well_mixture import WellMixture

__all__ = [
    "Banana",
    "DoubleWell",
    "Energy",
    "Funnel",
    "Gaussian",
    "MuellerBrown",
    "PythonEnergy",
    "Rosenbrock",
    "StudentT",
    "WellMixture",
]
