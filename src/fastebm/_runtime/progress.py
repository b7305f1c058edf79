"""The progress bar: tqdm where it is installed."""

from __future__ import annotations


def bar(show: bool, total: float | None, what: str, unit: str = "step"):
    """Return a tqdm bar on stderr, or None. Without tqdm, asking for a bar is an error that names the extra."""
    if not show:
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        raise ImportError("progress=True needs tqdm; install fastebm with its 'progress' extra") from None
    return tqdm(total=total, desc=what, unit=unit, unit_scale=True, leave=False)
