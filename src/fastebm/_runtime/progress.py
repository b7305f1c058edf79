"""The progress bar: tqdm where it is installed."""

from __future__ import annotations

import warnings


def bar(show: bool, total: float | None, what: str, unit: str = "step"):
    """Return a tqdm bar (a widget in a notebook that has them, a line on stderr elsewhere), or None.

    Without tqdm, asking for a bar is an error that says what to install.
    """
    if not show:
        return None
    try:
        with warnings.catch_warnings():
            # In a notebook without ipywidgets it says that the bar is of text, which is seen.
            warnings.filterwarnings("ignore", message=".*(IProgress|ipywidgets)")
            from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(f"progress=True needs tqdm: pip install tqdm ({error})") from None
    return tqdm(total=total, desc=what, unit=unit, unit_scale=True, leave=False)
