"""The progress bar: tqdm where it is installed."""

from __future__ import annotations


def bar(show: bool, total: float | None, what: str, unit: str = "step"):
    """Return a tqdm bar on stderr, or None. Without tqdm, asking for a bar is an error that says what to install."""
    if not show:
        return None
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError(f"progress=True needs tqdm: pip install tqdm ({error})") from None
    return tqdm(total=total, desc=what, unit=unit, unit_scale=True, leave=False)
