"""What looks at a finished fit, and how it is heard."""

from __future__ import annotations

import os
import sys
import warnings

from .._runtime.errors import FastEBMWarning, UntrustedFitError

# Functions (result, data, held_out) -> (warnings, what was not checked and why). Training knows nothing of the rooms
# above it: the package's root adds theirs.
CHECKS: list = []
# certificate(energy, X_test, chains=...), likewise.
CERTIFY: list = []
NOTHING_CHECKED = "everything: diagnose=False"
_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


def conclude(result, data, diagnose=True, strict=False, heard=True, held_out=None):
    """Let the checks see a result and keep on it what they say; then warn, or refuse it.

    Parameters
    ----------
    result : TrainingResult or ScaledWells
        With the lists ``warnings`` and ``not_checked``, which are filled.
    data : ndarray of shape (n_samples, n_features)
    diagnose : bool
        Without it only that nothing was checked is noted.
    strict : bool
        Raise where there is any warning.
    heard : bool
        Make a Python warning of an error.
    held_out : ndarray of shape (n, n_features), optional

    Returns
    -------
    object
        The result.
    """
    if not diagnose:
        result.not_checked.append(NOTHING_CHECKED)
        return result
    for check in CHECKS:
        found, skipped = check(result, data, held_out)
        result.warnings.extend(found)
        result.not_checked.extend(skipped)
    if strict and result.warnings:
        raise UntrustedFitError(_summary(result.warnings), result)
    errors = [w for w in result.warnings if w.severity == "error"]
    if errors and heard:
        warnings.warn(_summary(errors), FastEBMWarning, stacklevel=_level_of_caller())
    return result


def certify(energy, X_test, **options):
    """`fastebm.certificate` of a fitted energy, for results to offer as their own."""
    (certificate,) = CERTIFY
    return certificate(energy, X_test, **options)


def check_strict(strict, diagnose):
    """Raise ValueError where strict is asked for without the checks."""
    if strict and not diagnose:
        raise ValueError("strict=True refuses what the checks object to, so it needs diagnose=True")


def _level_of_caller() -> int:
    # The warning names the user's line, however many of ours are above it (skip_file_prefixes needs Python 3.12).
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return level


def _summary(found) -> str:
    more = f" ({len(found) - 1} more in result.warnings)" if len(found) > 1 else ""
    return " ".join(str(found[0]).split()) + more
