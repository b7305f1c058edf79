"""Is an estimate of log Z a number to rely on?"""

from __future__ import annotations

from ..partition.log_partition import LogPartition
from .diagnostic import Diagnostic


def untrusted(estimate: LogPartition) -> list[Diagnostic]:
    """Look at the log-weights, the error and the bracket."""
    doubt = estimate.doubt
    if doubt is None:
        return []
    what, value, limit, advice = doubt
    bracket = f"log Z is in [{estimate.lower:.4g}, {estimate.upper:.4g}]"
    return [Diagnostic("log_z_untrusted", value, limit, f"{what}: {bracket}", advice)]
