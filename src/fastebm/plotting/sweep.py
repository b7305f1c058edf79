"""The phase diagram of a sweep."""

from __future__ import annotations

import numpy as np

from ..fitting.sweep import SweepResult
from . import _canvas


def plot_sweep(
    result: SweepResult, x: str, y: str | None = None, *, value="nats_lost", codes=None, marks=None, ax=None
):
    """Draw what settings cost: colour is the nats lost, and a line shows from where on each check warns.

    Parameters
    ----------
    result : SweepResult
        Of a grid; other settings and repeats are averaged over.
    x, y : str
        Settings along the axes. Without y, a curve of the value over x, with the range over everything else.
    value : str, default "nats_lost"
        Column of the table that is drawn.
    codes : sequence of str, optional
        Checks whose border is drawn: half of the runs beyond it warn. By default those, at most six, that warn in some
        places and not in others.
    marks : dict of str to (x, y), optional
        Settings to be pointed out, by name.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If a name is no column, or two settings do not make a grid.

    Examples
    --------
    >>> import fastebm as fe
    >>> result = fe.sweep(fe.ContrastiveDivergence.notebook(n_updates=5), [-2.0, -1.0, 1.0, 2.0] * 40,
    ...                   {"n_steps": [1, 5], "learning_rate": [0.01, 0.1]}, seed=1)
    >>> ax = fe.plotting.plot_sweep(result, "n_steps", "learning_rate", value="log_likelihood")
    """
    for name in (x, value) if y is None else (x, y, value):
        if name not in result.table:
            raise ValueError(f"the table has no column {name!r}; it has {', '.join(result.table)}")
        if result.table[name].dtype.kind not in "biuf":
            raise ValueError(
                f"the column {name!r} does not hold numbers in every row, so it makes no grid or curve"
            )
    return _curve(result, x, value, ax) if y is None else _map(result, x, y, value, codes, marks or {}, ax)


def _plain(bar):
    """Numbers as people write them at the ticks of a logarithmic bar: 0.3 and not 3 x 10^-1."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = bar.mappable.get_clim()
    # Fewer of them where the bar spans more.
    parts = (1, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5) if high < 100 * low else (1,)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=parts))
    bar.ax.yaxis.set_major_formatter(lambda v, _: f"{v:g}")
    bar.ax.yaxis.set_minor_locator(NullLocator())


def _title(value):
    return {"nats_lost": "nats lost", "log_likelihood": "log-likelihood, nats a row"}.get(value, value)


def _curve(result, x, value, ax):
    ax = _canvas.axes(ax)
    at, numbers = result.table[x], result.table[value]
    places = np.unique(at)
    groups = [numbers[(at == p) & np.isfinite(numbers)] for p in places]
    middle = [np.median(g) if len(g) else np.nan for g in groups]
    low, high = ([f(g) if len(g) else np.nan for g in groups] for f in (np.min, np.max))
    ax.fill_between(places, low, high, color=_canvas.SKY, alpha=0.35, linewidth=0, label="range")
    ax.plot(places, middle, color=_canvas.BLUE, marker="o", label="median")
    ax.set(xlabel=x, ylabel=_title(value))
    ax.legend(frameon=False, fontsize="small")
    return ax


def _map(result, x, y, value, codes, marks, ax):
    ax = _canvas.axes(ax, (7.2, 4.6))
    across, up = np.unique(result.table[x]), np.unique(result.table[y])

    def table(column, join):
        out = np.full((len(up), len(across)), np.nan)
        for i, v in enumerate(up):
            for j, u in enumerate(across):
                here = column[(result.table[x] == u) & (result.table[y] == v)]
                here = here[np.isfinite(here)]
                if len(here):
                    out[i, j] = join(here)
        return out

    if len(across) < 2 or len(up) < 2:
        raise ValueError(f"a map needs a grid of at least two values of {x} and of {y}")
    present = table(np.ones(len(result)), np.sum)
    if np.isnan(present).any():
        raise ValueError(f"{x} and {y} do not make a grid: some pairs were not run")
    numbers = table(result.table[value], np.median)
    columns, rows = np.arange(len(across)), np.arange(len(up))
    shown = {"norm": "log"} if value == "nats_lost" and np.nanmin(numbers) > 0 else {}
    mesh = ax.pcolormesh(columns, rows, numbers, cmap="cividis", shading="nearest", **shown)
    bar = ax.figure.colorbar(mesh, ax=ax, label=_title(value))
    if shown:
        _plain(bar)
    ax.set_facecolor("0.85")
    shares = {code: table(result.warns(code).astype(float), np.mean) for code in result.codes}
    if codes is None:
        borders = [code for code, share in shares.items() if share.min() < 0.5 <= share.max()]
        codes = sorted(borders, key=lambda code: abs(shares[code].mean() - 0.5))[:6]
    for style, code in zip(_canvas.styles(len(codes)), codes, strict=True):
        if code in shares and shares[code].min() < 0.5 <= shares[code].max():
            ax.contour(
                columns, rows, shares[code], [0.5], colors=style["color"], linestyles=style["linestyle"]
            )
            ax.plot([], [], label=code, **style)
    for name, (u, v) in marks.items():
        place = np.interp(u, across, columns), np.interp(v, up, rows)
        ax.plot(*place, marker="*", color="white", markeredgecolor="black", markersize=13)
        ax.annotate(
            name,
            place,
            xytext=(6, 6),
            textcoords="offset points",
            fontsize="small",
            color="white",
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "black", "alpha": 0.6, "linewidth": 0},
        )
    ax.set(xlabel=x, ylabel=y)
    ax.set_xticks(columns, [f"{v:g}" for v in across])
    ax.set_yticks(rows, [f"{v:g}" for v in up])
    if ax.get_legend_handles_labels()[0]:
        _canvas.legend_above(ax, 3)
    return ax
