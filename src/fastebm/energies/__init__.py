"""Energies: the contract in `base`, then one file for each energy."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))

from .base import Energy
from .gaussian import Gaussian
from .python_energy import PythonEnergy
from .well_mixture import WellMixture

__all__ = ["Energy", "Gaussian", "PythonEnergy", "WellMixture"]
