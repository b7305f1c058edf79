"""Chains: their paths, what the replay buffer holds, how they share the wells."""

from __future__ import annotations

import numpy as np

from .._runtime.check import choice, first_bad, integer, numeric
from ..energies.base import as_energy
from ._canvas import BLUE, GREY, ORANGE, TIGHT, an_energy, axes, bins, log_z, names, plain_ticks, span, styles


def _trace(trace, n_features: int) -> np.ndarray:
    array = numeric(trace, "trace")
    if array.ndim == 2 and n_features == 1:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] != n_features or 0 in array.shape:
        raise ValueError(
            f"trace must have shape (n_records, n_chains, {n_features}), as sample(..., thin=k) returns it, "
            f"got {array.shape}"
        )
    first_bad(array, "trace")
    return array


def plot_paths(energy, trace=None, *, n_paths=4, every=None, bounds=None, labels=None, ax=None):
    """Draw paths of chains: over the map of the density (two features), or against the step (one feature).

    Parameters
    ----------
    energy : Energy, SampleResult or Sample
        An energy of one or two features; or what ``sampler.run(..., thin=k)`` or `fastebm.sample` returned, which
        knows its energy, its trace and k.
    trace : array-like of shape (n_records, n_chains, n_features), or (n_records, n_chains) for one feature
        As ``sampler.sample(..., thin=k)`` returns it; left out with a result.
    n_paths : int, default 4
        Number of chains to draw, the first ones.
    every : int, optional
        The k of `thin`: steps from one record to the next, for the axis; 1 where nothing says.
    bounds, labels, ax
        As in `plot_landscape` (two features) or `plot_density` (one).

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If shapes disagree, the energy has more than two features, or a result has no trace.

    Examples
    --------
    >>> import fastebm as fe
    >>> run = fe.MALA(0.1).run(fe.DoubleWell(2), [[1.0, 0.0]] * 8, 200, seed=1, thin=4)
    >>> ax = fe.plotting.plot_paths(run)
    """
    if hasattr(energy, "trace") and hasattr(energy, "x"):
        energy, trace, every = _of_result(energy, trace, every)
    an_energy(energy, (1, 2), "two of its features")
    path = _trace(trace, energy.n_features)
    shown = min(integer(n_paths, "n_paths", 1), path.shape[1])
    step = integer(1 if every is None else every, "every", 1) * np.arange(1, len(path) + 1)
    if energy.n_features == 1:
        low, high = span(bounds, path)
        (label,) = names(labels, 1)
        ax = axes(ax)
        grid = np.linspace(low, high, 300)
        density = np.exp(-energy.energy(grid) - log_z(energy, low, high))
        ax.imshow(
            density[:, None],
            extent=(step[0], step[-1] + 1, low, high),
            origin="lower",
            aspect="auto",
            cmap="Greys",
            vmax=1.6 * density.max(),
            interpolation="bilinear",
        )
        for i, style in enumerate(styles(shown)):
            ax.plot(step, path[:, i, 0], **style, lw=1.1)
        ax.set(xlabel="sampler step (grey: model density)", ylabel=label, ylim=(low, high))
        return plain_ticks(ax)
    sides = (None, None) if bounds is None else bounds
    if len(sides) != 2:
        raise ValueError(f"bounds must be a pair of (low, high), one per feature, got {bounds!r}")
    (x0, x1), (y0, y1) = (span(side, path[:, :, d], f"bounds[{d}]") for d, side in enumerate(sides))
    first, second = names(labels, 2)
    ax = axes(ax)
    _grey_map(ax, energy, (x0, x1), (y0, y1))
    for i, style in enumerate(styles(shown)):
        ax.plot(*path[:, i].T, **style, lw=0.9, alpha=0.8)
    for i, style in enumerate(styles(shown)):
        ax.plot(*path[0, i], "o", color="white", mec=style["color"], mew=1.6, ms=7)
        ax.plot(*path[-1, i], "s", color=style["color"], mec="white", ms=7)
    for marker, face, word in (("o", "white", "start"), ("s", GREY, "end")):
        ax.plot([], [], marker, color=face, mec=GREY, ms=6, label=word)
    ax.set(xlabel=first, ylabel=second, xlim=(x0, x1), ylim=(y0, y1))
    ax.legend(fontsize="small", ncols=2, loc="best", **TIGHT)
    return plain_ticks(ax)


def _of_result(result, trace, every):
    """(energy, trace, every) of what a sampler returned."""
    if trace is not None:
        raise TypeError("trace comes with the result: leave it out, or give an energy in place of the result")
    if result.trace is None:
        raise ValueError(
            "this result has no trace: give thin=k to run"
            if hasattr(result, "state")
            else "these samples are independent, so there are no paths"
        )
    if result.energy is None:
        raise ValueError("a result that was unpickled knows no energy: use plot_paths(energy, result.trace)")
    return result.energy, result.trace, result.every if every is None else every


def _grey_map(ax, energy, across, up):
    """The density in grey under what is drawn on it, with lines at 0.1, 1, 10 and 50 % of its peak on the map."""
    u, v = np.linspace(*across, 120), np.linspace(*up, 120)
    e = energy._energy_with_walls(np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)).reshape(120, 120)
    density = np.exp(e.min() - e)
    ax.imshow(
        density,
        extent=(*across, *up),
        origin="lower",
        aspect="auto",
        cmap="Greys",
        vmax=2.2,
        interpolation="bilinear",
    )
    ax.contour(u, v, density, levels=[1e-3, 1e-2, 0.1, 0.5], colors=GREY, linewidths=0.6, alpha=0.8)


def plot_buffer(buffer, energy=None, *, what="states", per_update=None, labels=None, ax=None):
    """Draw what a replay buffer of one feature holds, or how old its states are.

    Parameters
    ----------
    buffer : ReplayBuffer
        Of one feature, not empty.
    energy : Energy, optional
        Its density is drawn over the histogram.
    what : {"states", "age"}, default "states"
        A histogram of the states; or every state against its age, the number of states pushed after it.
    per_update : int, optional
        States pushed per update (n_chains of the trainer): the age is then in updates.
    labels, ax
        As in `plot_density`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If the buffer is empty or not one of one feature.

    Examples
    --------
    >>> import fastebm as fe
    >>> result = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=20).fit(fe.datasets.two_normals(seed=1), seed=1)
    >>> ax = fe.plotting.plot_buffer(result.buffer, result.energy)
    """
    choice(what, "what", ("states", "age"))
    if not hasattr(buffer, "states") or not hasattr(buffer, "n_features"):
        raise TypeError(f"buffer must be a ReplayBuffer, got {buffer!r}")
    if buffer.n_features != 1 or not len(buffer):
        raise ValueError(f"buffer must have one feature and not be empty, got {buffer!r}; use plot_pairs")
    x = np.ravel(buffer.states)
    (label,) = names(labels, 1)
    ax = axes(ax)
    if what == "age":
        age = np.arange(len(x))[::-1]
        if per_update is not None:
            age = age // integer(per_update, "per_update", 1)
        ax.plot(age, x, "o", ms=2, color=BLUE, alpha=max(0.2, min(0.6, 800 / len(x))), mew=0)
        ax.set(
            xlabel="age (updates)" if per_update is not None else "age (states pushed since)", ylabel=label
        )
        return plain_ticks(ax)
    low, high = span(None, x)
    ax.hist(x, bins(x), density=True, color=ORANGE, alpha=0.55, label=f"buffer ({len(x):,})")
    if energy is not None:
        an_energy(energy, (1,), "an energy of one feature")
        grid = np.linspace(low, high, 600)
        ax.plot(
            grid, np.exp(-energy.energy(grid) - log_z(energy, low, high)), color=BLUE, lw=2, label="model"
        )
    ax.set(xlabel=label, ylabel="density of states", xlim=(low, high))
    ax.set_ylim(0, 1.25 * ax.get_ylim()[1])
    ax.legend(frameon=False, ncols=2, loc="upper center", fontsize="small")
    return plain_ticks(ax)


def plot_occupancy(energy, trace, *, every=1, ax=None):
    """Draw the share of the chains in every well against the step, dashed the share that the model gives it.

    Parameters
    ----------
    energy : Energy
        One that knows its modes, such as a WellMixture. A state counts for the well with the largest share there.
    trace, every, ax
        As in `plot_paths`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        If the energy's modes are not known or the trace does not fit it.

    Examples
    --------
    >>> import fastebm as fe
    >>> truth = fe.datasets.two_normals_truth()
    >>> trace = fe.MALA(0.05).sample(truth, [-2.0, 2.0] * 20, 200, seed=1, thin=10)
    >>> ax = fe.plotting.plot_occupancy(truth, trace, every=10)
    """
    if as_energy(energy).modes is None:
        raise TypeError(f"energy must know its modes, such as a WellMixture, got {energy!r}")
    path = _trace(trace, energy.n_features)
    step = integer(every, "every", 1) * np.arange(1, len(path) + 1)
    well = energy.shares(path.reshape(-1, energy.n_features)).argmax(axis=1).reshape(path.shape[:2])
    masses = energy.mode_shares
    ax = axes(ax)
    for j, style in enumerate(styles(len(masses))):
        ax.plot(step, (well == j).mean(axis=1), color=style["color"], lw=2, label=f"well {j + 1}")
        ax.axhline(masses[j], color=style["color"], lw=1.2, ls="--")
    ax.plot([], [], color=GREY, lw=1.2, ls="--", label="model weight")
    ax.set(xlabel="sampler step", ylabel="share of the chains", ylim=(0, 1), xlim=(0, step[-1]))
    ax.legend(frameon=False, fontsize="small", loc="upper center", ncols=min(4, len(masses) + 1))
    return plain_ticks(ax)
