"""Checks of a run: one file for each family, and `diagnose` that runs them all.

Importing this package makes `ContrastiveDivergence.fit` attach the warnings to its results.
"""

from ..training import after_fit
from .diagnose import after_fit as _check
from .diagnose import diagnose
from .diagnostic import Diagnostic
from .gradients import GradientReport, check_grad
from .traces import barrier_crossings, ess, mode_occupancy, rhat

after_fit.checks.append(_check)

__all__ = [
    "Diagnostic",
    "GradientReport",
    "barrier_crossings",
    "check_grad",
    "diagnose",
    "ess",
    "mode_occupancy",
    "rhat",
]
