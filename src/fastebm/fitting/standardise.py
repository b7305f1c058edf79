"""Units in which columns are fitted: a centre and a spread of each that far outliers do not decide."""

from __future__ import annotations

import math

import numpy as np

# Values further beyond the middle 90 % than twice its length count as if they were there; of normal data, 8.2 standard
# deviations from the mean. 2 % of outliers a hundred times as far out as the others make the spread 1.5 times as large
# as without them (their own standard deviation: 14 times).
MIDDLE, FENCE = (0.05, 0.95), 2.0
# Then the furthest value should not be more than this many units out, three widths of the widest diagonal well; for
# that the unit is made up to so many times as long.
FURTHEST, LONGER = 26.0, 6.0


def standardise(x: np.ndarray, names=None) -> tuple[np.ndarray, np.ndarray]:
    """Return a centre and a spread of the columns; refuse a column without spread.

    They are the mean and the standard deviation, of a column with far outliers after these were drawn nearer.

    Raises
    ------
    ValueError
        If a feature is constant or its spread is beyond float64.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        offset = x.mean(axis=0)
        scale = x.std(axis=0)
    for d in range(x.shape[1]):
        name = f"feature {d}" if names is None else f"feature {d} ({names[d]})"
        if not (math.isfinite(offset[d]) and math.isfinite(scale[d])):
            raise ValueError(f"X: {name} has values too large for its variance to be computed; rescale it")
        if x[:, d].min() == x[:, d].max() or scale[d] == 0:
            raise ValueError(
                f"X: {name} has zero variance (every value is {x[0, d]:g}), so its density is infinite; drop it"
            )
    low, high = np.quantile(x, MIDDLE, axis=0)
    reach = FENCE * (high - low)
    # Nine tenths of a column may be one value: it has no fence.
    far = (reach > 0) & ((x.min(axis=0) < low - reach) | (x.max(axis=0) > high + reach))
    for d in np.flatnonzero(far).tolist():
        near = np.clip(x[:, d], low[d] - reach[d], high[d] + reach[d])
        offset[d], scale[d] = near.mean(), near.std()
        scale[d] *= min(max(1.0, np.abs(x[:, d] - offset[d]).max() / scale[d] / FURTHEST), LONGER)
    return offset, scale
