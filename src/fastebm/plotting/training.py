"""Training: both phases, the gap between them, the parameters."""

from __future__ import annotations

import numpy as np

from ._canvas import BLUE, GREY, ORANGE, axes, plain_ticks, styles

# The running mean covers this share of the updates.
SMOOTH = 1 / 40


def _history(result) -> np.ndarray:
    history = getattr(result, "history", result)
    columns = set(getattr(getattr(history, "dtype", None), "names", None) or ())
    if (
        not {"step", "energy_data", "energy_model", "energy_gap"} <= columns
        and not {"step", "loss"} <= columns
    ):
        raise TypeError(
            f"result must be a TrainingResult or a ScoreResult, or its history, got {type(result).__name__}"
        )
    if len(history) == 0:
        raise ValueError("the history is empty: the run made no update")
    return history


def _noisy(ax, step, value, colour, label):
    """A faint line, and its running mean in full colour."""
    width = max(1, int(len(value) * SMOOTH))
    sums = np.cumsum(np.insert(value, 0, 0.0))
    mean = (sums[width:] - sums[:-width]) / width
    middle = step[: len(mean)] + (width - 1) / 2
    ax.plot(step, value, color=colour, lw=0.6, alpha=0.3)
    ax.plot(middle, mean, color=colour, lw=2, label=label)


def plot_phases(result, *, ax=None):
    """Draw the mean energy of the data (positive phase) and of the chains (negative phase) against the update.

    Score matching has no chains: of a ScoreResult the loss is drawn.

    Parameters
    ----------
    result : TrainingResult or ScoreResult, or its history
    ax : matplotlib Axes, optional
        By default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        If result is neither, or holds no update.

    Examples
    --------
    >>> import fastebm as fe
    >>> result = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=20).fit(fe.datasets.two_normals(seed=1), seed=1)
    >>> ax = fe.plotting.plot_phases(result)
    """
    history = _history(result)
    ax = axes(ax)
    if "loss" in history.dtype.names:
        _noisy(ax, history["step"], history["loss"], BLUE, "running mean")
        ax.set(xlabel="update", ylabel="score-matching loss")
        return plain_ticks(ax)
    _noisy(ax, history["step"], history["energy_data"], BLUE, "data (positive phase)")
    _noisy(ax, history["step"], history["energy_model"], ORANGE, "chains (negative phase)")
    ax.set(xlabel="update", ylabel="mean energy (nats)")
    ax.legend(frameon=False, fontsize="small")
    return plain_ticks(ax)


def plot_gap(result, *, ax=None):
    """Draw the energy gap, mean E(data) - mean E(chains), against the update; arguments and errors as `plot_phases`.

    A ScoreResult has no gap: TypeError.

    Examples
    --------
    >>> import fastebm as fe
    >>> result = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=20).fit(fe.datasets.two_normals(seed=1), seed=1)
    >>> ax = fe.plotting.plot_gap(result)
    """
    history = _history(result)
    if "loss" in history.dtype.names:
        raise TypeError("score matching has no chains, and so no gap: use plot_phases, which draws its loss")
    ax = axes(ax)
    ax.axhline(0, color=GREY, lw=1)
    _noisy(ax, history["step"], history["energy_gap"], BLUE, "running mean")
    ax.set(xlabel="update", ylabel="energy gap (nats)")
    return plain_ticks(ax)


def plot_parameters(result, *, names=None, ax=None):
    """Draw every parameter against the update, the fitted value as a dot at the end.

    Parameters
    ----------
    result : TrainingResult or ScoreResult, or its history
    names : sequence of str, optional
        Which parameters to draw, by their names in ``energy.param_names``; by default all that moved.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        If result is neither, holds no update, or a name is not that of a parameter.

    Examples
    --------
    >>> import fastebm as fe
    >>> result = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=20).fit(fe.datasets.two_normals(seed=1), seed=1)
    >>> ax = fe.plotting.plot_parameters(result, names=["m1", "m2"])
    """
    history = _history(result)
    if hasattr(result, "theta_trace"):
        # Theta of some updates only.
        step, theta = result.theta_steps, result.theta_trace
    elif "theta" in history.dtype.names:
        step, theta = history["step"], history["theta"]
    else:
        raise TypeError("this history holds no theta; give the TrainingResult")
    energy = getattr(result, "energy", None)
    known = list(energy.param_names) if energy is not None else [f"theta[{i}]" for i in range(theta.shape[1])]
    for name in names or ():
        if name not in known:
            raise ValueError(f"no parameter is called {name!r}; they are {', '.join(known)}")
    chosen = [known.index(n) for n in names] if names else np.flatnonzero(np.ptp(theta, axis=0) > 0)
    ax = axes(ax)
    for i, style in zip(chosen, styles(len(chosen)), strict=True):
        ax.plot(step, theta[:, i], **style, lw=1.5, label=known[i])
        if energy is not None:
            ax.plot(step[-1], result.theta[i], "o", color=style["color"], ms=5, clip_on=False)
    ax.set(xlabel="update", ylabel="parameter")
    if 0 < len(chosen) <= 24:
        columns = 1 + (len(chosen) - 1) // 12
        ax.legend(frameon=False, fontsize="small", ncols=columns, loc="center left", bbox_to_anchor=(1, 0.5))
    return plain_ticks(ax)
