"""What looks at a finished training result."""

from __future__ import annotations

# Functions (result, data) -> list of warnings. Training knows nothing of the rooms above it: the package's root adds
# theirs.
CHECKS: list = []


def warnings_of(result, data) -> list:
    """Everything that the checks have to say about a result."""
    return [warning for check in CHECKS for warning in check(result, data)]
