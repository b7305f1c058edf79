"""What looks at a finished training result."""

from __future__ import annotations

from importlib import import_module

# Modules with a function after_fit(result, data) -> list of warnings. Named, not imported: training knows nothing of
# the rooms above it, and they are loaded only when a run ends.
CHECKS = ["fastebm.diagnostics.diagnose"]


def warnings_of(result, data) -> list:
    """Everything that the checks have to say about a result."""
    return [warning for name in CHECKS for warning in import_module(name).after_fit(result, data)]
