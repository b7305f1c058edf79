"""What a check says when something is wrong, and what all of them say together."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from .._runtime import html


@dataclass(frozen=True)
class Diagnostic(html.Shown):
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

    Examples
    --------
    >>> import fastebm as fe
    >>> cold = fe.SGLD(0.055, noise_std=0.085)
    >>> x = fe.WellMixture().exact_sample(500, seed=1)
    >>> (warning, *_) = fe.diagnose(fe.WellMixture(), x, sampler=cold, x0=x, n_steps=20)
    >>> warning.code, round(warning.value, 3)
    ('temperature', 0.066)
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

    def _html(self) -> str:
        return html.verdict([self])


class Diagnosis(html.Shown, list):
    """A list of `Diagnostic`, the most serious first.

    Parameters
    ----------
    found : iterable of Diagnostic
    not_checked : iterable of str
        Checks that could not be made, and why.
    """

    def __init__(self, found=(), not_checked=()):
        super().__init__(sorted(found, key=lambda d: d.severity != "error"))
        self.not_checked = list(not_checked)

    def __str__(self) -> str:
        return "\n".join(as_lines(self, self.not_checked))

    def _html(self) -> str:
        return html.verdict(self, self.not_checked)

    def __reduce__(self):
        return type(self), (list(self), self.not_checked)


def as_lines(found, not_checked) -> list[str]:
    """What a program prints: warnings, then what was not looked at; "warnings: none" only where all was."""
    lines = [str(d) for d in found] + [f"not checked: {skipped}" for skipped in not_checked]
    return lines or ["warnings: none"]
