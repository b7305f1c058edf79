"""What runs on a finished training result: layers above training put their checks here."""

from __future__ import annotations

from collections.abc import Callable

# Each is called with (result, data) and returns a list of warnings.
checks: list[Callable] = []
