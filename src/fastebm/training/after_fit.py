"""What runs on a finished training result. Layers above training put their checks here; training imports none of them."""

from __future__ import annotations

from collections.abc import Callable

# Each is called with (result, data) and returns a list of warnings.
checks: list[Callable] = []
