"""Two dimensions: energy or density as a map."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import choice, integer, samples
from ._canvas import (
    MAP_SIZE,
    ORANGE,
    an_energy,
    axes,
    colour_bar,
    names,
    plain_ticks,
    span,
    spread_of,
)

GRID = 160
# The colours of an energy end where this share of the map lies below, and at least at 4 nats (a density of 2 % of its
# peak): walls that rise to thousands of nats leave the wells their colours.
SHOWN, SHALLOWEST = 0.8, 4.0
LEVELS = 20
POINTS = 4000


def plot_landscape(
    energy,
    X=None,
    *,
    what="energy",
    bounds=None,
    labels=None,
    log_partition=None,
    arrows=0,
    chains=None,
    ax=None,
):
    """Draw an energy of two features as a map, with the data, the score as arrows, and chains on it.

    Parameters
    ----------
    energy : Energy
        Of two features.
    X : array-like of shape (n_samples, 2), optional
        Data, drawn as points (at most 4000 of them, evenly spaced through X).
    what : {"energy", "density"}, default "energy"
        The energy above its lowest value on the map, or the density. The colours of the energy end where eight tenths
        of the map lie below, for an energy can rise to any height at the edges.
    bounds : pair of (low, high), optional
        Intervals of the two features; by default the ranges of the data (or of the chains) and 8 % more.
    labels : (str, str), optional
        Names and units of the features.
    log_partition : float, optional
        log Z for the density of an energy that has no closed form; without it, the density is normalised on the map.
    arrows : int, default 0
        Draw the score, minus the gradient, as this many arrows each way. Far from the data it is hundreds of times as
        long as near a mode: the length drawn is s / (s + median of s).
    chains : array-like of shape (n_chains, 2), optional
        States of chains, drawn as orange dots. Their paths are what `plot_paths` draws.
    ax : matplotlib Axes, optional
        By default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If the energy is not one of two features, or X or chains are not finite.

    Examples
    --------
    >>> import fastebm as fe
    >>> ax = fe.plotting.plot_landscape(fe.MuellerBrown(), bounds=[(-1.5, 1.2), (-0.4, 2.0)])
    """
    an_energy(energy, (2,), "plot_energy for one and plot_pairs for more than two")
    choice(what, "what", ("energy", "density"))
    x = None if X is None else samples(X, 2)[0]
    moving = None if chains is None else samples(chains, 2, "chains")[0]
    seen = moving if x is None else x
    across = integer(arrows, "arrows", 0, 100)
    first, second = names(labels, 2)
    sides = (None, None) if bounds is None else bounds
    if len(sides) != 2:
        raise ValueError(f"bounds must be a pair of (low, high), one per feature, got {bounds!r}")
    (x0, x1), (y0, y1) = (
        span(side, (lambda d=d: spread_of(energy, d)) if seen is None else seen[:, d], f"bounds[{d}]")
        for d, side in enumerate(sides)
    )
    u, v = np.linspace(x0, x1, GRID), np.linspace(y0, y1, GRID)
    points = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
    e = energy.energy(points).reshape(GRID, GRID)
    if what == "energy":
        value, label = e - e.min(), "energy above the minimum (nats)"
        levels = _levels(max(float(np.quantile(value, SHOWN)), SHALLOWEST))
        extend, colours = "max", "cividis"
    else:
        if log_partition is None and not energy.has_log_partition:
            cell = (u[1] - u[0]) * (v[1] - v[0])
            log_partition = np.log(np.exp(e.min() - e).sum() * cell) - e.min()
        log_partition = energy.log_partition() if log_partition is None else log_partition
        value, label = np.exp(-e - log_partition), "density"
        levels, extend, colours = LEVELS, "neither", "Blues"
    ax = axes(ax, MAP_SIZE)
    filled = ax.contourf(u, v, value, levels=levels, cmap=colours, extend=extend)
    colour_bar(ax, filled, label)
    if x is not None:
        shown = x[:: math.ceil(len(x) / POINTS)]
        ax.plot(
            shown[:, 0],
            shown[:, 1],
            "o",
            ms=3.2,
            color="white",
            mec="black",
            mew=0.5,
            alpha=0.8,
            label="data",
        )
    if across:
        _arrows(ax, energy, u, v, across, "white" if what == "energy" else "black")
    if moving is not None:
        ax.plot(*moving.T, "o", ms=3.6, color=ORANGE, mec="black", mew=0.4, label="chains")
    ax.set(xlabel=first, ylabel=second, xlim=(x0, x1), ylim=(y0, y1))
    return plain_ticks(ax)


def _levels(top):
    """About 20 levels from 0 to about top, evenly spaced, in round numbers."""
    step = 10.0 ** math.floor(math.log10(top / LEVELS))
    step *= min((1.0, 2.0, 2.5, 5.0, 10.0), key=lambda m: abs(math.log(top / (LEVELS * m * step))))
    return step * np.arange(math.ceil(top / step - 1e-9) + 1)


def _arrows(ax, energy, u, v, across, colour):
    # In the middles of cells.
    part = (np.arange(across) + 0.5) / across
    a, b = u[0] + part * (u[-1] - u[0]), v[0] + part * (v[-1] - v[0])
    score = -energy.grad(np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2))
    # Directions as they are on the map, which may be stretched.
    cell = np.array([u[-1] - u[0], v[-1] - v[0]]) / across
    drawn = score / cell
    drawn /= np.maximum(np.hypot(*drawn.T), 1e-300)[:, None]
    size = np.hypot(*score.T)
    drawn *= (size / (size + max(np.median(size), 1e-300)))[:, None]
    x, y = np.meshgrid(a, b)
    dx, dy = (0.95 * cell * drawn).T.reshape(2, across, across)
    # An edge, for the map is dark in the wells and bright above them.
    style = {"angles": "xy", "scale_units": "xy", "scale": 1, "pivot": "mid", "width": 0.004}
    edge = {"edgecolor": "black", "linewidth": 0.4} if colour == "white" else {}
    ax.quiver(x, y, dx, dy, color=colour, alpha=0.8, zorder=2.5, **style, **edge)
