"""Numbers at ticks. It needs matplotlib, and is imported when a picture is drawn."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator, ScalarFormatter


class Plain(ScalarFormatter):
    """20,000 and 0.5, no offset; a power of ten above the axis only where numbers are very large or small."""

    def __init__(self):
        super().__init__(useOffset=False, useMathText=True)
        self.set_powerlimits((-4, 9))
        self._large = False

    def set_locs(self, locs):
        """Set where the ticks are."""
        super().set_locs(locs)
        self._large = len(locs) > 0 and 1e4 <= np.abs(locs).max() < 1e9

    def __call__(self, x, pos=None):
        if self._large and x == round(x):
            return f"{x:,.0f}".replace("-", "\N{MINUS SIGN}")
        # Only the power of ten above the axis needs to be set as mathematics.
        return super().__call__(x, pos).removeprefix("$\\mathdefault{").removesuffix("}$")


def plain(ax, most: int):
    """Give the linear axes of ax such numbers, about `most` of them along x; returns ax."""
    for axis in (ax.xaxis, ax.yaxis):
        if axis.get_scale() != "linear" or not isinstance(axis.get_major_formatter(), ScalarFormatter):
            continue
        axis.set_major_formatter(Plain())
        if axis is ax.xaxis or most < 6:
            axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    return ax
