"""What a check says when something is wrong."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnostic:
    """One warning about a run.

    Attributes
    ----------
    code : str
        Short name of the check, such as "temperature" or "mode_imbalance".
    value : float
        The number that was measured.
    threshold : float
        The limit it crossed.
    meaning : str
        What the number says about the run.
    advice : str
        The setting to change.
    severity : {"warning", "error"}
        "error": the result is unusable; "warning": it should not be trusted as it stands.
    """

    code: str
    value: float
    threshold: float
    meaning: str
    advice: str
    severity: str = "warning"

    def __str__(self) -> str:
        head = f"{self.severity} {self.code}: {self.value:.3g} (limit {self.threshold:.3g}): "
        return textwrap.fill(f"{head}{self.meaning}. What to do: {self.advice}.", 110, subsequent_indent="  ")
