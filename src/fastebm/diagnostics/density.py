"""Is a fitted density what it was asked to be?"""

from __future__ import annotations

from ..fitting.network import CLEARLY, why_wells
from ..fitting.scaled_network import ScaledNetwork
from . import partition
from .diagnostic import Diagnostic

# From this acceptance on a step that overshoots somewhere slows nothing down: the accept step keeps the law exact.
ACCEPTED = 0.6


def of_network(fit: ScaledNetwork) -> list[Diagnostic]:
    """What its certificate says of it."""
    if fit.better:
        return partition.untrusted(fit.estimate)
    meaning, advice = why_wells(fit)
    gain, error = fit.held_out["gain"], fit.held_out["gain_error"]
    return [
        Diagnostic(
            "network_not_better", gain / error if error > 0 else float("-inf"), CLEARLY, meaning, advice
        )
    ]


def that_matter(fit) -> list[Diagnostic]:
    """The warnings of a part, less those of its moves where nearly all moves of training were accepted."""
    accepted = getattr(fit, "acceptance_rate", None) or 0.0
    return [w for w in fit.warnings if not (w.code == "divergence" and accepted > ACCEPTED)]
