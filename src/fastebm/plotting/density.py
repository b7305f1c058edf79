"""One dimension: density over the histogram, energy over the data."""

from __future__ import annotations

import numpy as np

from ._canvas import (
    BLUE,
    CURVE_POINTS,
    GREY,
    ORANGE,
    an_energy,
    axes,
    bins,
    column,
    log_z,
    names,
    plain_ticks,
    span,
    spread_of,
    styles,
)

# The highest energy drawn, in heights of the 80 % of the curve that are lowest.
SEEN = 2.5


def plot_density(energy, X=None, *, bounds=None, labels=None, reference=None, ax=None):
    """Draw the density of an energy of one feature over the histogram of the data.

    Parameters
    ----------
    energy : Energy
        Of one feature. Without a closed-form log-partition its density is normalised on the interval drawn.
    X : array-like of shape (n_samples,) or (n_samples, 1), optional
        Data for the histogram.
    bounds : (low, high), optional
        Interval to draw; by default the range of the data and 8 % more, or without data four standard deviations around
        its modes.
    labels : str, optional
        Name and unit of x, for example "eruption time (min)".
    reference : Energy, optional
        A second density, dashed: the truth, or the maximum-likelihood mixture.
    ax : matplotlib Axes, optional
        By default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If the energy is not one of one feature, or X is not finite data.

    Examples
    --------
    >>> import fastebm as fe
    >>> x = fe.datasets.load_old_faithful()[:, 0]
    >>> ax = fe.plotting.plot_density(fe.initial_wells(x, 2, seed=1), x, labels="eruption time (min)")
    >>> ax.get_xlabel()
    'eruption time (min)'
    """
    an_energy(energy, (1,), "plot_landscape or plot_pairs")
    x = None if X is None else column(X)
    low, high = span(bounds, (lambda: spread_of(energy)) if x is None else x)
    (label,) = names(labels, 1)
    grid = np.linspace(low, high, CURVE_POINTS)
    ax = axes(ax)
    if x is not None:
        ax.hist(x, bins(x), density=True, color=GREY, alpha=0.35, label=f"data ({len(x):,})")
    ax.plot(grid, np.exp(-energy.energy(grid) - log_z(energy, low, high)), color=BLUE, lw=2, label="model")
    if reference is not None:
        an_energy(reference, (1,), "a reference of one feature")
        p = np.exp(-reference.energy(grid) - log_z(reference, low, high))
        ax.plot(grid, p, color=ORANGE, lw=2, ls="--", label="reference")
    ax.set(xlabel=label, ylabel=f"density{_per(label)}", xlim=(low, high))
    ax.set_ylim(0, 1.25 * ax.get_ylim()[1])
    ax.legend(frameon=False, ncols=3, loc="upper center", fontsize="small")
    return plain_ticks(ax)


def plot_energy(energy, X=None, *, bounds=None, labels=None, wells=True, ax=None):
    """Draw the energy curve of an energy of one feature, the data as ticks under it.

    Parameters
    ----------
    energy, X, bounds, labels, ax
        As in `plot_density`.
    wells : bool, default True
        Draw the quadratic well of each mode, where the modes and log Z are known: of the mass and width of the mode.
        The energy of a WellMixture is their soft minimum.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import fastebm as fe
    >>> ax = fe.plotting.plot_energy(fe.datasets.two_normals_truth(), bounds=(-5, 5))
    """
    an_energy(energy, (1,), "plot_landscape")
    x = None if X is None else column(X)
    low, high = span(bounds, (lambda: spread_of(energy)) if x is None else x)
    (label,) = names(labels, 1)
    grid = np.linspace(low, high, CURVE_POINTS)
    e = energy.energy(grid)
    # Behind a wall there is nothing to draw.
    e[np.isposinf(e)] = np.nan
    bottom = np.nanmin(e)
    # Beyond a lone row the energy may rise to thousands of nats: most of the curve decides how much is seen.
    top = min(np.nanmax(e), bottom + max(SEEN * (np.nanquantile(e, 0.8) - bottom), 4.0))
    room = top - bottom or 1.0
    ax = axes(ax)
    if wells and energy.modes is not None and energy.has_log_partition:
        centres, stds = energy.modes[:, 0], energy.mode_scales[:, 0]
        with np.errstate(divide="ignore"):
            # exp(-well) has the mass of the mode; a mode without mass is nowhere to be seen.
            bottoms = np.log(stds * np.sqrt(2 * np.pi)) - np.log(energy.mode_shares) - energy.log_partition()
        for j, style in enumerate(styles(len(centres) + 1)[1:]):
            single = (grid - centres[j]) ** 2 / (2 * stds[j] ** 2) + bottoms[j]
            if hasattr(energy, "degrees_of_freedom_"):
                # No parabola: the part of exp(-E) that is the well's.
                single = e - np.log(np.maximum(energy.shares(grid)[:, j], 1e-300))
            single[single > top + 0.1 * room] = np.nan
            ax.plot(grid, single, color=style["color"], ls="--", lw=1.4, label=f"well {j + 1}")
    ax.plot(grid, e, color=BLUE, lw=2.2, label="energy")
    if x is not None:
        ax.plot(x, np.full(len(x), bottom - 0.08 * room), "|", color=GREY, alpha=0.5, ms=8, label="data")
    ax.set(
        xlabel=label,
        ylabel="energy E(x) (nats)",
        xlim=(low, high),
        ylim=(bottom - 0.15 * room, top + 0.28 * room),
    )
    ax.legend(frameon=False, ncols=4, loc="upper center", fontsize="small")
    return plain_ticks(ax)


def _per(label: str) -> str:
    """The unit of a density: " (1/min)" for "eruption time (min)", nothing for a label without a unit."""
    if not label.endswith(")") or "(" not in label:
        return ""
    unit = label[label.rindex("(") + 1 : -1]
    return f" (1/{unit})" if unit.isalpha() else f" (1/({unit}))"
