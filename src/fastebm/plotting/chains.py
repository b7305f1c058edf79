"""Chains: their paths, what the replay buffer holds, how they share the wells."""

from __future__ import annotations

import numpy as np

from .._runtime.check import choice, first_bad, integer, numeric
from ..energies.base import as_energy
from ._canvas import BLUE, GREY, ORANGE, an_energy, axes, bins, log_z, names, span, styles
from .landscape import plot_landscape


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


def plot_paths(energy, trace, *, n_paths=4, every=1, bounds=None, labels=None, ax=None):
    """Draw paths of chains: over the energy landscape (two features), or against the step (one feature).

    Parameters
    ----------
    energy : Energy
        Of one or two features.
    trace : array-like of shape (n_records, n_chains, n_features), or (n_records, n_chains) for one feature
        As ``sampler.sample(..., thin=k)`` returns it.
    n_paths : int, default 4
        Number of chains to draw, the first ones.
    every : int, default 1
        The k of `thin`: steps from one record to the next, for the axis.
    bounds, labels, ax
        As in `plot_landscape` (two features) or `plot_density` (one).

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If shapes disagree or the energy has more than two features.

    Examples
    --------
    >>> import fastebm as fe
    >>> truth = fe.datasets.two_normals_truth()
    >>> trace = fe.MALA(0.05).sample(truth, [-2.0, 2.0], 200, seed=1, thin=10)
    >>> ax = fe.plotting.plot_paths(truth, trace, every=10)
    """
    an_energy(energy, (1, 2), "two of its features")
    path = _trace(trace, energy.n_features)
    shown = min(integer(n_paths, "n_paths", 1), path.shape[1])
    step = integer(every, "every", 1) * np.arange(1, len(path) + 1)
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
        return ax
    if bounds is None:
        bounds = [span(None, path[:, :, d]) for d in (0, 1)]
    ax = plot_landscape(energy, bounds=bounds, labels=labels, ax=ax)
    # White and dashes show on the map where no colour of the set does.
    for i, dash in zip(range(shown), ["-", "--", ":", "-."] * shown, strict=False):
        ax.plot(path[:, i, 0], path[:, i, 1], color="white", lw=1.1, ls=dash, alpha=0.9)
        ax.plot(*path[0, i], "o", color="white", mec="black", ms=7, label="start" if i == 0 else None)
        ax.plot(*path[-1, i], "s", color="#D55E00", mec="white", ms=7, label="end" if i == 0 else None)
    ax.legend(fontsize="small", loc="best")
    return ax


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
        return ax
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
    return ax


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
    return ax
