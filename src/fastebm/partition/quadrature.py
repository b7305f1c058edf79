"""log of the integral of exp(-E) by quadrature, in one and two dimensions. Everything is in log space."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import describe, integer, numeric, real, samples
from .._runtime.errors import NonFiniteError
from ..energies.base import Energy

# Gauss-Kronrod 7-15 on [-1, 1] (QUADPACK, Piessens et al. 1983): nodes from the right end to 0, and their weights.
_NODES = [
    0.991455371120812639206854697526329,
    0.949107912342758524526189684047851,
    0.864864423359769072789712788640926,
    0.741531185599394439863864773280788,
    0.586087235467691130294144838258730,
    0.405845151377397166906606412076961,
    0.207784955007898467600689403773245,
    0.0,
]
_KRONROD = [
    0.022935322010529224963732008058970,
    0.063092092629978553290700663189204,
    0.104790010322250183839876322541518,
    0.140653259715525918745189590510238,
    0.169004726639267902826583426598550,
    0.190350578064785409913256402421014,
    0.204432940075298892414161999234649,
    0.209482141084727828012999174891714,
]
_GAUSS = [
    0.0,
    0.129484966168869693270611432679082,
    0.0,
    0.279705391489276667901467771423780,
    0.0,
    0.381830050505118944950369775488975,
    0.0,
    0.417959183673469387755102040816327,
]
NODES = np.array([-v for v in _NODES[:-1]] + _NODES[::-1])
KRONROD = np.array(_KRONROD[:-1] + _KRONROD[::-1])
GAUSS = np.array(_GAUSS[:-1] + _GAUSS[::-1])
# Without bounds the search starts on a box of this half width (in units of the scale) and doubles it.
REACH = 8.0
MAX_DOUBLINGS = 60
# A cell is halved while so many rows of X lie within this part of its width, at most so often: to 1e-9 of it.
CROWD, NARROW, MAX_HALVINGS = 4, 0.1, 30
# Gradient descents that look for modes where there is no X: how many, their steps, and nats above the lowest end that
# still count.
STARTS, DESCENT, WORTH = 64, 120, 40.0


def midpoint(energy: Energy, low: float, high: float, n_grid: int = 5000) -> float:
    """log of the integral of exp(-E) over [low, high] by the midpoint rule.

    Parameters
    ----------
    energy : Energy
        With n_features = 1.
    low, high : float
        Ends of the interval, in the units of x. What lies outside is not seen.
    n_grid : int, default 5000
        Number of cells.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        If the energy has more than one feature, or the interval or n_grid is out of range.
    """
    if energy.n_features != 1:
        raise ValueError(f"the midpoint rule is for n_features=1, but the energy has {energy.n_features}")
    low, high = real(low, "low"), real(high, "high")
    if not low < high:
        raise ValueError(f"low must be below high, got {low:g} and {high:g}")
    n = integer(n_grid, "n_grid", 1)
    width = (high - low) / n
    log_values = -energy.energy(low + (np.arange(n) + 0.5) * width)
    top = log_values.max()
    return float(top + math.log(np.exp(log_values - top).sum()) + math.log(width))


def adaptive(energy: Energy, *, X=None, bounds=None, rtol: float = 1e-10, max_evaluations: int = 4_000_000):
    """log of the integral of exp(-E) over the line or the plane, or over a box, by adaptive Gauss-Kronrod quadrature.

    Cells are split until the sum over cells of |Kronrod - Gauss| is below `rtol` times the integral. Without bounds the
    box is doubled until a doubling adds nothing. With X, cells are halved where rows crowd, so that spikes are seen
    that rows show. Without X the first box is stretched to where gradient descents from up to 1000 times its size end;
    a spike that lies between the points where the energy was asked, away from every descent, cannot be seen, and the
    error then includes one that is as high as the highest point and as wide as the widest gap between points.

    Parameters
    ----------
    energy : Energy
        With n_features 1 or 2.
    X : array-like of shape (n_samples, n_features), optional
        Data or chains: the first box covers them. Without, it is [-8, 8] in every feature, or larger.
    bounds : (low, high), optional
        Integrate over this box only. Numbers, or one per feature.
    rtol : float, default 1e-10
        Relative error to reach.
    max_evaluations : int, default 4,000,000
        Stop there; the error then says how far it came.

    Returns
    -------
    log_value, error : float
        The error is that of log Z, an upper estimate: |Kronrod - Gauss| bounds the error of the better rule for smooth
        integrands, plus the last doubling's contribution, what is unseen without X, and 1e-14 for rounding.

    Raises
    ------
    ValueError, TypeError
        If n_features is above 2, an argument is out of range, no mass is found, or the integral does not converge.
    NonFiniteError
        If the energy is NaN or -infinity somewhere on the box; give bounds that leave that out. Where it is infinity
        there is no mass.
    """
    d = energy.n_features
    if d > 2:
        # No other method knows a box.
        way_out = "; use method='ais'" if bounds is None else "; leave bounds out and use method='ais'"
        raise ValueError(f"quadrature is for one or two features, but the energy has {d}{way_out}")
    rtol = real(rtol, "rtol", above=0, below=1)
    budget = integer(max_evaluations, "max_evaluations", 1)
    cells = _Cells(energy, budget)
    if bounds is not None:
        low, high = _box(bounds, d)
        cells.add(*_split(low, high, 64 if d == 1 else 12))
        cells.refine(rtol)
        return cells.log_total(), cells.log_error() + cells.behind_walls() + 1e-14
    centre, half = np.zeros(d), np.full(d, REACH)
    far = np.zeros((0, d))
    if X is not None:
        x, _ = samples(X, d)
        spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
        centre = 0.5 * (x.min(axis=0) + x.max(axis=0))
        half = 0.5 * (x.max(axis=0) - x.min(axis=0)) + spread
    else:
        far = _descents(energy, centre, half)
        if len(far):
            low, high = np.minimum(far.min(axis=0), centre - half), np.maximum(far.max(axis=0), centre + half)
            centre, half = 0.5 * (low + high), 0.5 * (high - low) + REACH
    first = _split(centre - half, centre + half, 128 if d == 1 else 24)
    cells.add(*_around(first, x if X is not None else far))
    gap = _widest_gap(2.0 * half, 128 if d == 1 else 24) if X is None else 0.0
    if energy.scale_limits is not None and gap < (2.0 * energy.scale_limits[0]) ** d:
        # A mode of this energy reaches over more than that.
        gap = 0.0
    cells.refine(rtol)
    last = math.inf
    for doubling in range(MAX_DOUBLINGS):
        before, ring = cells.log_total(), len(cells.value)
        cells.add(*_ring(centre, half))
        half = 2.0 * half
        cells.refine(rtol)
        added = cells.log_total(ring)
        gain = added - before if added > -math.inf else -math.inf
        # Two empty rings are needed, and never fewer than two rings: the first box may lie between the modes.
        if doubling and gain < math.log(rtol) - 2.0 and last < math.log(rtol) - 2.0:
            if before == -math.inf:
                raise ValueError(
                    f"quadrature found no mass within {float(half.max()):.3g} of {describe(centre.tolist())}: give X, "
                    "data or chains that show where it is"
                )
            numerical = cells.log_error() + cells.behind_walls()
            unseen = gap * math.exp(min(cells.peak - cells.log_total(), 700.0))
            return cells.log_total(), numerical + math.exp(max(gain, -745.0)) + unseen + 1e-14
        last = gain
    raise ValueError(
        f"the integral of exp(-E) does not converge within {float(half.max()):.3g} of {describe(centre.tolist())}: "
        "the energy must grow without limit away from its wells; give bounds, or add a confining term to the energy"
    )


def _widest_gap(width, parts: int) -> float:
    """Volume of the widest gap between the points of the first cells."""
    return float(np.prod(width / parts * 0.5 * np.diff(NODES).max()))


def _around(cells, x):
    """Cells halved, where rows of x crowd in a small part of one, until their spread is seen."""
    low, high = cells
    done = []
    for _ in range(MAX_HALVINGS):
        crowded = np.array([_crowded(x, a, b) for a, b in zip(low, high, strict=True)], dtype=bool)
        done.append((low[~crowded], high[~crowded]))
        if not crowded.any():
            break
        parts = [_split(a, b, 2) for a, b in zip(low[crowded], high[crowded], strict=True)]
        low, high = np.vstack([p[0] for p in parts]), np.vstack([p[1] for p in parts])
    else:
        done.append((low, high))
    return np.vstack([lows for lows, _ in done]), np.vstack([highs for _, highs in done])


def _crowded(x, low, high) -> bool:
    inside = x[((x >= low) & (x < high)).all(axis=1)]
    return len(inside) >= CROWD and bool((inside.std(axis=0) < NARROW * (high - low)).any())


def _descents(energy, centre, half):
    """Where gradient descents from afar end, beyond the first box: modes that it does not hold.

    Steps are halved until the energy falls. Only ends that are worth looking at are returned, shape (n, n_features).
    """
    rng = np.random.default_rng(0)
    d = len(centre)
    direction = rng.standard_normal((STARTS, d))
    direction /= np.sqrt((direction**2).sum(axis=1))[:, None]
    if d == 1:
        direction = np.where(np.arange(STARTS) % 2, 1.0, -1.0)[:, None]
    radius = half.max() * 2.0 ** rng.uniform(0.0, 10.0, (STARTS, 1))
    x = centre + radius * direction
    try:
        here = energy._energy_with_walls(x)
        step = np.ones(STARTS)
        for _ in range(DESCENT):
            inside = np.isfinite(here)
            if not inside.any():
                break
            slope = np.zeros_like(x)
            slope[inside] = energy.grad(x[inside])
            # Far out on a steep shape (the funnel's) the square of a slope overflows, the slope over its top does not.
            top = np.abs(slope).max(axis=1, keepdims=True)
            unit = slope / np.where(top > 0, top, 1.0)
            norm = np.sqrt((unit**2).sum(axis=1))[:, None]
            # No step is longer than the distance to the middle.
            with np.errstate(over="ignore"):
                reach = np.minimum(
                    step[:, None] * top * norm, np.sqrt(((x - centre) ** 2).sum(axis=1))[:, None] + 1.0
                )
            y = x - unit / np.where(norm > 0, norm, 1.0) * reach
            there = energy._energy_with_walls(y)
            better = there < here
            x[better], here[better] = y[better], there[better]
            step = np.where(better, 2.0 * step, 0.25 * step)
    except (NonFiniteError, ValueError):
        # The energy overflows out there: no mode that quadrature could reach.
        return np.zeros((0, d))
    ends = x[np.isfinite(here) & (here < here.min() + WORTH)]
    return ends[(np.abs(ends - centre) > half).any(axis=1)]


def _box(bounds, d: int):
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise ValueError(f"bounds must be a pair (low, high) or None, got {describe(bounds)}") from None
    low, high = (np.broadcast_to(numeric(v, "bounds"), (d,)).astype(float) for v in (low, high))
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise ValueError(f"bounds must be finite with low < high, got {describe(bounds)}")
    return low, high


def _split(low, high, n: int):
    """Cut a box into n equal parts per direction; returns corners (cells, d)."""
    edges = [np.linspace(a, b, n + 1) for a, b in zip(low, high, strict=True)]
    lows = np.stack(np.meshgrid(*[e[:-1] for e in edges], indexing="ij"), axis=-1).reshape(-1, len(edges))
    highs = np.stack(np.meshgrid(*[e[1:] for e in edges], indexing="ij"), axis=-1).reshape(-1, len(edges))
    return lows, highs


def _ring(centre, half):
    """Cells that cover the box of twice the half width, less the box itself."""
    lows, highs = _split(centre - 2.0 * half, centre + 2.0 * half, 16)
    inside = (np.abs(0.5 * (lows + highs) - centre) < half).all(axis=1)
    return lows[~inside], highs[~inside]


class _Cells:
    """Cells with their integral and error, each on its own log scale."""

    def __init__(self, energy: Energy, budget: int):
        self.energy, self.budget, self.used = energy, budget, 0
        # The largest -E that was met.
        self.peak = -math.inf
        # Was an energy infinite?
        self.walls = False
        d = energy.n_features
        self.low, self.high = np.empty((0, d)), np.empty((0, d))
        # log of the integral, and log of the error, of each cell.
        self.value, self.error = np.empty(0), np.empty(0)

    def add(self, low, high):
        value, error = self._integrate(low, high)
        self.low, self.high = np.vstack([self.low, low]), np.vstack([self.high, high])
        self.value, self.error = np.append(self.value, value), np.append(self.error, error)

    def _integrate(self, low, high):
        n, d = low.shape
        centre, half = 0.5 * (low + high), 0.5 * (high - low)
        grid = np.stack(np.meshgrid(*[NODES] * d, indexing="ij"), axis=-1).reshape(-1, d)
        kronrod, gauss = KRONROD, GAUSS
        if d == 2:
            kronrod, gauss = np.outer(KRONROD, KRONROD).ravel(), np.outer(GAUSS, GAUSS).ravel()
        points = (centre[:, None, :] + half[:, None, :] * grid).reshape(-1, d)
        self.used += len(points)
        # An infinite energy is no mass; the top of an empty cell is any number.
        logs = -self.energy._energy_with_walls(points).reshape(n, -1)
        top = logs.max(axis=1)
        top = np.where(top > -np.inf, top, 0.0)
        self.peak = max(self.peak, float(logs.max()))
        self.walls = self.walls or bool((logs == -np.inf).any())
        scaled = np.exp(logs - top[:, None])
        fine, coarse = scaled @ kronrod, scaled @ gauss
        volume = top + np.log(half).sum(axis=1)
        with np.errstate(divide="ignore"):
            return volume + np.log(fine), volume + np.log(np.abs(fine - coarse))

    def refine(self, rtol):
        while self.used < self.budget:
            total = self.log_total()
            if total == -math.inf or self.log_error() < rtol:
                return
            # Split what exceeds its share; the worst first if the budget is short.
            bad = np.flatnonzero(self.error > total + math.log(0.5 * rtol / len(self.error)))
            room = max(1, (self.budget - self.used) // (30 if self.low.shape[1] == 1 else 900))
            bad = bad[np.argsort(self.error[bad])[::-1][:room]]
            width = self.high[bad] - self.low[bad]
            middle = 0.5 * (self.low[bad] + self.high[bad])
            bad = bad[(width > 1e-14 * (1.0 + np.abs(middle))).all(axis=1)]
            if not len(bad):
                return
            parts = [_split(a, b, 2) for a, b in zip(self.low[bad], self.high[bad], strict=True)]
            keep = np.ones(len(self.value), dtype=bool)
            keep[bad] = False
            self.low, self.high = self.low[keep], self.high[keep]
            self.value, self.error = self.value[keep], self.error[keep]
            self.add(np.vstack([p[0] for p in parts]), np.vstack([p[1] for p in parts]))

    def log_total(self, first: int = 0) -> float:
        return _logsumexp(self.value[first:])

    def behind_walls(self) -> float:
        """Error of log Z from a wall between the end of a cell and its last point, which no rule can see."""
        if not self.walls or self.log_total() == -math.inf:
            return 0.0
        return (
            2.0 * self.low.shape[1] * 0.5 * (1.0 - NODES[-1]) * math.exp(self.value.max() - self.log_total())
        )

    def log_error(self) -> float:
        """Error of log Z."""
        total = self.log_total()
        return math.exp(min(_logsumexp(self.error) - total, 700.0)) if total > -math.inf else 0.0


def _logsumexp(values) -> float:
    top = values.max(initial=-np.inf)
    return float(top + math.log(np.exp(values - top).sum())) if top > -np.inf else -math.inf
