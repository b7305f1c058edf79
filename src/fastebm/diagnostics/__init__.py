"""Checks of a run: one file for each family, and `diagnose` that runs them all."""

from .diagnose import diagnose
from .diagnostic import Diagnostic
from .effective import ess, mcse
from .gradients import GradientReport, check_grad
from .scores import score_error
from .traces import barrier_crossings, mode_occupancy, rhat

__all__ = [
    "Diagnostic",
    "GradientReport",
    "barrier_crossings",
    "check_grad",
    "diagnose",
    "ess",
    "mcse",
    "mode_occupancy",
    "rhat",
    "score_error",
]
