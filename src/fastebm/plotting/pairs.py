"""All pairs of features: the data, and the contours of a model."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import describe, integer, samples
from .._runtime.seed import seed_sequence
from ..answers.place import PreparedPlace, place_of
from ._canvas import BLUE, GREY, TIGHT, axes, bins, names, plain_ticks, span
from ._marginals import Closed, Sampled

# Features of one picture, at most, and inches across.
MOST, WIDEST = 8, 10.0
POINTS, GRID, CURVE = 4000, 80, 200
# Mass of the model inside each contour.
MASSES = (0.5, 0.9, 0.99)
# Of a model without closed forms.
MODEL_SAMPLES = 10_000


def plot_pairs(
    X, model=None, *, columns=None, labels=None, model_samples=None, n_samples=None, seed=0, ax=None
):
    """Draw every feature against every other, with contours of the model, and on the diagonal each one's density.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The data, with at least two features.
    model : Energy, what a fit returned, or a fitted EnergyDensity, optional
        Contours enclose 50, 90 and 99 % of its mass in the two features: closed forms of wells and normal laws, from
        samples of any other density.
    columns : sequence of int, optional
        Which features, at most 8; by default all.
    labels : sequence of str, optional
        Names and units of the features drawn; by default those that the model knows.
    model_samples : array-like of shape (n, n_features), optional
        Samples of a model to take contours from, in place of ``model``.
    n_samples : int, optional
        How many samples to draw of a model without closed forms; by default 10,000.
    seed : None, int, SeedSequence or Generator
        Seeds them.
    ax : array of matplotlib Axes of shape (n_columns, n_columns), optional
        By default a new figure.

    Returns
    -------
    ndarray of matplotlib Axes, of shape (n_columns, n_columns)
        Those above the diagonal are empty.

    Raises
    ------
    ValueError, TypeError
        If X has one feature or more than 8 without ``columns``, or does not fit the model.

    Examples
    --------
    >>> import fastebm as fe
    >>> X = fe.datasets.load_old_faithful()
    >>> ax = fe.plotting.plot_pairs(X, fe.initial_wells(X, 2, seed=1), labels=("eruption (min)", "waiting (min)"))
    """
    width = np.shape(X)[1] if np.ndim(X) == 2 else 1
    if width < 2:
        raise ValueError(
            f"X must have shape (n_samples, n_features) with at least two features, got {np.shape(X)}"
        )
    x, _ = samples(X, width)
    chosen = _columns(columns, width)
    place = None if model is None else place_of(model)
    if place is not None and place.n_features != width:
        raise ValueError(f"X has {width} features, the model has {place.n_features}")
    if place is not None and labels is None and place.names:
        labels = [place.names[j] for j in chosen]
    text = names(labels, len(chosen))
    grid = _grid(len(chosen)) if ax is None else np.asarray(ax, dtype=object)
    if grid.shape != (len(chosen),) * 2:
        raise ValueError(
            f"ax must be an array of Axes of shape ({len(chosen)}, {len(chosen)}), got {grid.shape}"
        )
    seen = x[:, chosen]
    told = _marginals(model, place, model_samples, n_samples, seed, width, chosen)
    reach = seen if told is None else np.vstack([seen, told[1]])
    limits = [span(None, reach[:, d]) for d in range(len(chosen))]
    for i, j in np.ndindex(grid.shape):
        cell = grid[i, j]
        if i < j:
            cell.set_axis_off()
            continue
        if i == j:
            _density(cell, seen[:, i], told, chosen[i], limits[i])
        else:
            _cloud(cell, seen[:, [j, i]], told, (chosen[j], chosen[i]), (limits[j], limits[i]))
            cell.set_ylim(limits[i])
        _frame(cell, i, j, limits[j], text)
    grid[0, 0].legend(frameon=False, fontsize="x-small", loc="upper center", ncols=2, **TIGHT)
    grid[0, 0].figure.align_ylabels(grid[:, 0])
    return grid


def _columns(columns, width):
    if columns is None:
        if width > MOST:
            raise ValueError(
                f"X has {width} features, one picture shows at most {MOST}; choose with columns="
            )
        return list(range(width))
    chosen = [integer(c, "columns", 0, width - 1) for c in columns]
    if not 2 <= len(chosen) <= MOST or len(set(chosen)) < len(chosen):
        raise ValueError(f"columns must be 2 to {MOST} different features, got {describe(columns)}")
    return chosen


def _marginals(model, place, model_samples, n_samples, seed, width, chosen):
    """(marginals by numbers of X, rows of the model that the picture must show), or None without a model."""
    if model_samples is not None:
        drawn = samples(model_samples, width, "model_samples")[0]
        return Sampled(drawn), drawn[:, chosen]
    if place is None:
        return None
    mixture = place.energy._normal_mixture()
    stream = seed_sequence(seed)
    if mixture is not None and not isinstance(place, PreparedPlace):
        closed = Closed(mixture, place, stream)
        # Where 99.9 % of it is: a far tail would shrink the rest.
        ends = np.quantile(closed.draws, (0.0005, 0.9995), axis=0)
        return closed, ends[:, chosen]
    n = integer(MODEL_SAMPLES if n_samples is None else n_samples, "n_samples", 10)
    fitted = getattr(model, "model_", model)
    draw = getattr(fitted, "sample", None) or fitted.exact_sample
    drawn = draw(n, seed=stream)
    return Sampled(drawn), np.quantile(drawn, (0.0005, 0.9995), axis=0)[:, chosen]


def _density(cell, x, told, feature, limit):
    cell.hist(x, np.linspace(*limit, bins(x) + 1), density=True, color=GREY, alpha=0.4, label="data")
    if told is not None:
        t = np.linspace(*limit, CURVE)
        cell.plot(t, told[0].along(feature, t), color=BLUE, lw=1.5, label="model")
    cell.set_ylim(0, 1.45 * cell.get_ylim()[1])


def _cloud(cell, x, told, features, limits):
    shown = x[:: math.ceil(len(x) / POINTS)]
    cell.plot(shown[:, 0], shown[:, 1], "o", ms=2, color=GREY, alpha=0.45, mew=0)
    if told is None:
        return
    u, v = (np.linspace(*limit, GRID) for limit in limits)
    density, levels = told[0].over(*features, u, v, MASSES)
    levels = np.sort(levels)
    if (np.diff(levels) > 0).all():
        cell.contour(u, v, density, levels=levels, colors=BLUE, linewidths=(0.7, 1.0, 1.4))


def _frame(cell, i, j, limit, text):
    cell.set_xlim(limit)
    plain_ticks(cell, 4)
    for axis in (cell.xaxis, cell.yaxis):
        axis.get_offset_text().set_fontsize("x-small")
    if i == j:
        cell.set_yticks([])
    last = i == len(text) - 1
    cell.tick_params(labelsize="x-small", labelbottom=last, labelleft=j == 0 and i > 0)
    if last:
        cell.set_xlabel(text[j], fontsize="small")
    if j == 0:
        cell.set_ylabel(text[i] if i else "density", fontsize="small")


def _grid(width: int):
    wide, high = 1.9 * width + 0.8, 1.7 * width + 0.6
    part = min(1.0, WIDEST / wide)
    axes_of = axes(None, (part * wide, part * high))
    figure = axes_of.figure
    axes_of.remove()
    return figure.subplots(width, width, squeeze=False)
