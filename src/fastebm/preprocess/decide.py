"""The rules by which a transform is chosen for a column: each is a number that is measured, and a limit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from .column import Column
from .cyclic import lay_out
from .dropped import find_constant
from .how import Wish
from .log import Log
from .rounding import find_rounding
from .softplus import Softplus
from .transform import Plain, Transform
from .yeo_johnson import ROWS, YeoJohnson, best_power
from .zeros import find_zeros

# A transform is taken where a normal law fits z better than x by so many nats a row, and by so many in all.
WORTH, WORTH_IN_ALL = 0.05, 5.0
# Fewer rows, or different values, than this do not tell the shape of a column.
FEWEST_ROWS, FEWEST_VALUES = 20, 8
# A non-negative column is near its bound if a normal law of its mean and spread had more than the mass beyond so many
# standard deviations (0.13 %) on the other side.
NEAR = 3.0
# Scales of a softplus, in means of the distance from the bound.
SCALES = (0.1, 0.3, 1.0)
# A value that so many rows share, in a column that is no grid.
ATOM_SHARE, ATOM_ROWS = 0.02, 5


def decide(x: np.ndarray, name: str, wish: Wish) -> Column:
    """What to do with a column.

    Parameters
    ----------
    x : ndarray of shape (n,)
        Finite.
    name : str
        For messages.
    wish : Wish
        What the user asks for.

    Raises
    ------
    ValueError
        If the values do not suit what is asked for.
    """
    constant = find_constant(x)
    if constant is not None:
        return Column(name, constant)
    if wish.method == "none":
        return Column(name, Plain(), why="as asked")
    # One sort for all that asks for ties.
    unique = np.unique(x, return_counts=True)
    rounding = find_rounding(x, unique)
    if wish.method == "cyclic" and wish.number is not None:
        return Column(name, lay_out(x, wish.number), rounding, why="as asked")
    low = float(x.min())
    zeros = find_zeros(x) if rounding is None and wish.number is None else None
    column = Column(name, Plain(), rounding, atom=_atom(*unique) if rounding is None else None)
    if zeros is not None and column.atom is not None and column.atom[0] == 0:
        # Said of the zeros.
        column = replace(column, atom=None)
    # So many rows tell the shape of a column.
    part = x[:: -(-len(x) // ROWS)]
    # The support ends below the cell of the smallest value there can be.
    bound = 0.0 if wish.number is None else wish.number
    if rounding is not None and low >= bound:
        bound = min(bound, low - 0.5 * rounding.step)
    elif zeros is not None:
        bound = -zeros.width
    if wish.method in ("log", "softplus"):
        _check_bound(low, bound, name, wish)
        action = Log(bound) if wish.method == "log" else _best(_softplus(part, bound), part)
        return replace(column, action=action, zeros=zeros, why="as asked")
    if wish.method == "yeo-johnson":
        return replace(column, action=_yeo_johnson(part), why="as asked")
    if len(x) < FEWEST_ROWS or len(unique[0]) < FEWEST_VALUES:
        return replace(column, why="too few values to tell its shape")
    if low > bound and float(part.mean()) - NEAR * float(part.std()) < bound:
        action = _best([Log(bound), *_softplus(part, bound)], part)
        why = f"not negative and near 0; a normal law gains {gain(action, part):.2g} nats a row"
        return replace(column, action=action, zeros=zeros, why=why)
    candidates = [_yeo_johnson(part)] + ([Log(bound)] if low > bound else [])
    best = _best(candidates, part)
    gained = gain(best, part)
    if gained > WORTH and gained * len(x) > WORTH_IN_ALL:
        return replace(
            column, action=best, zeros=zeros if best.low > -math.inf else None, why=_skewed(gained)
        )
    return replace(column, why=f"no transform gains {WORTH:g} nats a row")


def gain(transform: Transform, x: np.ndarray) -> float:
    """Mean log-likelihood that a normal law gains by a transform, in nats a row."""
    with np.errstate(all="ignore"):
        before, after = float(x.std()), float(transform.forward(x).std())
        slope = float(transform.log_slope(x).mean())
    value = math.log(before / after) + slope if before > 0 and after > 0 else -math.inf
    return value if math.isfinite(value) else -math.inf


def _skewed(gained) -> str:
    return f"skewed: a normal law gains {gained:.2g} nats a row"


def _best(candidates, x) -> Transform:
    return max(candidates, key=lambda one: gain(one, x))


def _softplus(x, bound):
    mean = float(x.mean()) - bound
    return [Softplus(bound, share * mean) for share in SCALES]


def _yeo_johnson(x) -> YeoJohnson:
    centre = float(np.median(x))
    low, high = np.quantile(x, [0.25, 0.75])
    # A normal law has 1.349 standard deviations between its quartiles; half of the rows may be tied.
    scale = float(high - low) / 1.349
    scale = scale if scale > 0 else float(x.std())
    return YeoJohnson(centre, scale, best_power((x - centre) / scale))


def _atom(values, counts):
    """The value that most rows share, and their share, if it is suspicious."""
    top, n = int(counts.argmax()), int(counts.sum())
    suspicious = counts[top] >= max(ATOM_ROWS, ATOM_SHARE * n)
    return (float(values[top]), float(counts[top] / n)) if suspicious else None


def _check_bound(low, bound, name, wish):
    if low > bound:
        return
    if wish.number is None:
        raise ValueError(
            f"column {name!r} has the value {low:.6g}, and {wish.method!r} is for values that are not negative; give "
            f"('{wish.method}', bound) with a bound below it, or 'yeo-johnson'"
        )
    raise ValueError(
        f"column {name!r} has the value {low:.6g}, which is not above the bound {wish.number:.6g} of {wish.method!r}; "
        "give a lower bound"
    )
