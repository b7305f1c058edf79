"""Energies: the contract in `base`, then one file for each energy."""

from .._isa import level_path

__path__ = level_path(list(__path__))

from .base import Energy  # noqa: E402
from .python_energy import PythonEnergy  # noqa: E402
from .well_mixture import WellMixture  # noqa: E402

__all__ = ["Energy", "PythonEnergy", "WellMixture"]
