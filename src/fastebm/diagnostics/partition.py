"""Is an estimate of log Z a number to rely on?"""

from __future__ import annotations

from ..partition.log_partition import MAX_GAP, MAX_SD, LogPartition
from .diagnostic import Diagnostic


def untrusted(estimate: LogPartition) -> list[Diagnostic]:
    """Look at the spread of the log-weights and at the bracket."""
    if estimate.trusted:
        return []
    bracket = f"log Z is in [{estimate.lower:.4g}, {estimate.upper:.4g}]"
    advice = "use more n_steps, or a base closer to the density"
    if estimate.sd_log_weights > MAX_SD:
        return [
            Diagnostic(
                "log_z_untrusted",
                estimate.sd_log_weights,
                MAX_SD,
                f"the log-weights spread by {estimate.sd_log_weights:.3g}, so a few chains decide the estimate: "
                f"{bracket}",
                advice,
            )
        ]
    return [
        Diagnostic(
            "log_z_untrusted",
            estimate.upper - estimate.lower,
            MAX_GAP,
            f"the bracket is wide: {bracket}",
            advice,
        )
    ]
