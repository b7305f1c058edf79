"""Energies: the contract in `base`, then one file for each energy."""

from .affine import Affine
from .banana import Banana
from .base import Energy
from .box import Box
from .compiled import CompiledEnergy
from .conditioned import Conditioned
from .double_well import DoubleWell
from .funnel import Funnel
from .gaussian import Gaussian
from .gb_rbm import GaussianBernoulliRBM
from .mueller_brown import MuellerBrown
from .network import NetworkEnergy
from .phi_four import PhiFour
from .python_energy import PythonEnergy
from .rosenbrock import Rosenbrock
from .student_mixture import StudentTMixture
from .student_t import StudentT
from .sum import Sum
from .tempered import Tempered
from .well_mixture import WellMixture

__all__ = [
    "Affine",
    "Banana",
    "Box",
    "CompiledEnergy",
    "Conditioned",
    "DoubleWell",
    "Energy",
    "Funnel",
    "Gaussian",
    "GaussianBernoulliRBM",
    "MuellerBrown",
    "NetworkEnergy",
    "PhiFour",
    "PythonEnergy",
    "Rosenbrock",
    "StudentT",
    "StudentTMixture",
    "Sum",
    "Tempered",
    "WellMixture",
]
