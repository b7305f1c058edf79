"""Rows of X as images: samples beside the data they are nearest to, chains over time, energies of odd inputs."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import describe, first_bad, integer, interval, numeric, samples
from ..energies.base import as_energy
from ._canvas import ORANGE, RED, axes

# Room between images, in heights of an image; with a line of text under each; between a sample and its neighbour.
GAP, TEXT, BESIDE = 0.14, 0.42, 0.06
# Inches of an image that is drawn on a figure of its own.
INCH = 0.72
# Rows of the data whose distances are held at a time.
CHUNK = 1024


def image_shape(shape, n_features: int | None = None) -> tuple[int, int, int]:
    """(channels, height, width) of a shape (height, width) or (channels, height, width), 1 or 3 channels."""
    try:
        parts = tuple(integer(s, "shape", 1) for s in shape)
    except TypeError:
        parts = ()
    full = (1, *parts) if len(parts) == 2 else parts
    if len(full) != 3 or full[0] not in (1, 3):
        raise ValueError(
            f"shape must be (height, width) or (channels, height, width) with 1 or 3 channels, got {describe(shape)}"
        )
    if n_features is not None and math.prod(full) != n_features:
        raise ValueError(f"shape {parts} has {math.prod(full)} pixels, but an image has {n_features} numbers")
    return full


def _images(values, shape, name):
    array = numeric(values, name)
    full = image_shape(shape)
    if array.ndim == 1:
        array = array[None]
    if array.ndim > 2:
        array = array.reshape(len(array), -1)
    if array.ndim != 2 or not len(array):
        raise ValueError(f"{name} must have shape (n_images, n_pixels), not empty, got {np.shape(values)}")
    image_shape(shape, array.shape[1])
    first_bad(array, name)
    return array.reshape(-1, *full)


def nearest(x: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest row of the data, by Euclidean distance, and that distance, for every row of x."""
    best, index = np.full(len(x), np.inf), np.zeros(len(x), dtype=np.intp)
    for start in range(0, len(data), CHUNK):
        some = data[start : start + CHUNK]
        square = (x**2).sum(axis=1)[:, None] - 2 * x @ some.T + (some**2).sum(axis=1)
        at = square.argmin(axis=1)
        low = square[np.arange(len(x)), at]
        closer = low < best
        best[closer], index[closer] = low[closer], start + at[closer]
    return index, np.sqrt(((x - data[index]) ** 2).sum(axis=1))


class Sheet:
    """Places on one Axes: a table of cells, each of `across` images side by side, with text below or not."""

    def __init__(self, ax, shape, rows, columns, *, across=1, text=False, limits=(0.0, 1.0), size=INCH):
        self.shape, self.rows, self.columns, self.limits = shape, rows, columns, limits
        self.high = shape[1] / shape[2]
        self.pitch_x = across + (across - 1) * BESIDE + GAP * (2 if across > 1 else 1)
        self.pitch_y = self.high + (TEXT if text else GAP)
        wide, tall = columns * self.pitch_x - GAP, rows * self.pitch_y
        self.ax = axes(ax, (wide * size + 0.3, tall * size + 0.3))
        self.ax.set(xlim=(-GAP, wide + 0.02), ylim=(tall - (0 if text else GAP) + 0.02, -GAP), aspect="equal")
        self.ax.set_xticks([])
        self.ax.set_yticks([])
        for spine in self.ax.spines.values():
            spine.set_visible(False)

    def corner(self, row, column, place=0):
        return column * self.pitch_x + place * (1 + BESIDE), row * self.pitch_y

    def draw(self, image, row, column, place=0):
        x, y = self.corner(row, column, place)
        low, high = self.limits
        pixels = (
            image[0] if self.shape[0] == 1 else np.clip((image - low) / (high - low), 0, 1).transpose(1, 2, 0)
        )
        return self.ax.imshow(
            pixels,
            extent=(x, x + 1, y + self.high, y),
            cmap="gray",
            vmin=low,
            vmax=high,
            interpolation="nearest",
            aspect="equal",
        )

    def write(self, words, row, column, **style):
        x, y = self.corner(row, column)
        middle = x + 0.5 * (self.pitch_x - GAP * (2 if self.pitch_x > 2 else 1))
        self.ax.text(middle, y + self.high + 0.05, words, ha="center", va="top", fontsize="x-small", **style)

    def name_rows(self, words):
        self.ax.set_yticks([r * self.pitch_y + 0.5 * self.high for r in range(self.rows)], words)
        self.ax.tick_params(length=0)

    def name_columns(self, words):
        self.ax.set_xticks([c * self.pitch_x + 0.5 for c in range(self.columns)], words)
        self.ax.tick_params(length=0)

    def finish(self):
        # imshow moves the limits and the aspect of an Axes to its own image.
        self.ax.set_aspect("equal")
        return self.ax


def _limits(limits, *arrays):
    given = interval(limits, "limits")
    if given is not None:
        return given
    low, high = min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def plot_images(images, shape, *, data=None, labels=None, columns=None, limits=None, ax=None):
    """Draw rows of X as images; with data, each beside the row of the data that is nearest to it.

    A model that has memorised draws the neighbour itself: then the two images of a pair cannot be told apart, and the
    distance written under them is that of noise.

    Parameters
    ----------
    images : array-like of shape (n_images, n_pixels)
        Samples of a model, or data.
    shape : (height, width) or (channels, height, width)
        Of an image, as in ``NetworkEnergy.conv``; 1 or 3 channels, pixels in that order.
    data : array-like of shape (n_samples, n_pixels), optional
        Where the neighbours are looked for, by Euclidean distance; they have an orange frame, and the distance is
        written below.
    labels : sequence of str or of numbers, optional
        A text or a number (an energy, say) under each image, in place of the distance.
    columns : int, optional
        Images (or pairs) in a row; by default about a square.
    limits : (low, high), optional
        Values drawn black and white; by default the range of the data, or else of the images.
    ax : matplotlib Axes, optional
        By default a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If an image has another number of pixels than shape, or anything is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from fastebm import plotting
    >>> x = np.random.default_rng(1).uniform(size=(12, 64))
    >>> ax = plotting.plot_images(x[:4], (8, 8), data=x)
    """
    drawn = _images(images, shape, "images")
    n, flat = len(drawn), drawn.reshape(len(drawn), -1)
    others = None if data is None else samples(data, flat.shape[1], "data")[0]
    if labels is not None and len(labels) != n:
        raise ValueError(f"labels must hold one entry per image ({n}), got {len(labels)}")
    across = 1 if others is None else 2
    wide = integer(columns, "columns", 1) if columns is not None else math.ceil((1.5 * n / across) ** 0.5)
    wide = min(wide, n)
    scale = _limits(limits, flat if others is None else others)
    words = None if labels is None else [v if isinstance(v, str) else f"{v:.1f}" for v in labels]
    if others is not None:
        index, distance = nearest(flat, others)
        words = words or [f"{d:.2f}" for d in distance]
    sheet = Sheet(
        ax, drawn.shape[1:], math.ceil(n / wide), wide, across=across, text=words is not None, limits=scale
    )
    for i in range(n):
        row, column = divmod(i, wide)
        sheet.draw(drawn[i], row, column)
        if others is not None:
            image = sheet.draw(others[index[i]].reshape(drawn.shape[1:]), row, column, 1)
            _frame(sheet.ax, image, ORANGE)
        if words is not None:
            sheet.write(words[i], row, column)
    if others is not None:
        sheet.ax.set_xlabel("orange: nearest row of the data; below: distance", fontsize="small")
    return sheet.finish()


def _frame(ax, image, colour):
    left, right, bottom, top = image.get_extent()
    ax.plot(
        [left, right, right, left, left],
        [bottom, bottom, top, top, bottom],
        color=colour,
        lw=1.5,
        clip_on=False,
    )


def plot_chain_images(trace, shape, *, n_paths=6, n_records=10, every=1, limits=None, ax=None):
    """Draw chains of images over time: a row is a chain, time goes to the right.

    Parameters
    ----------
    trace : array-like of shape (n_records, n_chains, n_pixels)
        As ``sampler.sample(..., thin=k)`` returns it.
    shape, limits, ax
        As in `plot_images`.
    n_paths : int, default 6
        Chains to draw, the first ones.
    n_records : int, default 10
        States of each to draw, evenly spaced from the first to the last.
    every : int, default 1
        The k of `thin`, for the axis.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If trace is not such an array, or an image has another number of pixels than shape.

    Examples
    --------
    >>> import fastebm as fe
    >>> trace = fe.MALA(0.1).sample(fe.Gaussian([0.5] * 16), np.zeros((6, 16)), 20, seed=1, thin=2)
    >>> ax = fe.plotting.plot_chain_images(trace, (4, 4), every=2)
    """
    array = numeric(trace, "trace")
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(
            f"trace must have shape (n_records, n_chains, n_pixels), as sample(..., thin=k) returns it, got "
            f"{array.shape}"
        )
    first_bad(array, "trace")
    full = image_shape(shape, array.shape[2])
    chains = min(integer(n_paths, "n_paths", 1), array.shape[1])
    shown = np.unique(np.linspace(0, len(array) - 1, integer(n_records, "n_records", 1)).astype(int))
    array = array[shown][:, :chains]
    sheet = Sheet(ax, full, chains, len(shown), limits=_limits(limits, array))
    for t, c in np.ndindex(len(shown), chains):
        sheet.draw(array[t, c].reshape(full), c, t)
    sheet.name_rows([f"chain {c + 1}" for c in range(chains)])
    sheet.name_columns([f"{integer(every, 'every', 1) * (t + 1):,}" for t in shown])
    sheet.ax.set_xlabel("sampler step")
    return sheet.finish()


def odd_images(images, shape, *, limits=(0.0, 1.0), seed=None) -> dict[str, np.ndarray]:
    """Changes that no image of the data has been through, by name.

    Parameters
    ----------
    images : array-like of shape (n_images, n_pixels)
    shape : (height, width) or (channels, height, width)
    limits : (low, high), default (0, 1)
        Black and white, for the inverted image.
    seed : None, int, SeedSequence or Generator

    Returns
    -------
    dict of str to ndarray of shape (n_images, n_pixels)
        "data" (as they are), "shifted" (two pixels to the right, what leaves comes back on the left), "upside down",
        "inverted", "shuffled" (the pixels of each image in an order of its own), "noise" (every pixel from an image
        drawn for it alone: right one by one).

    Examples
    --------
    >>> from fastebm.plotting import odd_images
    >>> sorted(odd_images(np.zeros((2, 16)), (4, 4), seed=1))
    ['data', 'inverted', 'noise', 'shifted', 'shuffled', 'upside down']
    """
    x = _images(images, shape, "images")
    low, high = interval(limits, "limits") or (0.0, 1.0)
    rng = np.random.default_rng(seed)
    flat = x.reshape(len(x), -1)
    pick = rng.integers(0, len(x), flat.shape)
    made = {
        "data": x,
        "shifted": np.roll(x, 2, axis=3),
        "upside down": x[:, :, ::-1],
        "inverted": low + high - x,
        "shuffled": rng.permuted(flat, axis=1),
        "noise": flat[pick, np.arange(flat.shape[1])],
    }
    return {name: np.ascontiguousarray(value.reshape(len(x), -1)) for name, value in made.items()}


def plot_odd_inputs(energy, X, shape, *, n_images=8, limits=(0.0, 1.0), seed=0, ax=None):
    """Draw images of the data and odd ones made of them, the energy of each above the mean energy of X below it.

    Nats above the data are how many times rarer the model holds an image: 20 nats are a factor of 5e8. What is written
    in colour is above every row of X.

    Parameters
    ----------
    energy : Energy
    X : array-like of shape (n_samples, n_pixels)
        Data as the energy knows them (with noise, if it was trained with noise); held-out rows are the fair ones.
    shape, ax
        As in `plot_images`.
    n_images : int, default 8
        How many rows of X to show, the first ones.
    limits : (low, high), default (0, 1)
        Black and white.
    seed : None, int, SeedSequence or Generator, default 0
        Of "shuffled" and "noise"; see `odd_images`.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        If X does not fit the energy or shape.

    Examples
    --------
    >>> import fastebm as fe
    >>> X = fe.Gaussian([0.5] * 16).exact_sample(50, seed=1)
    >>> ax = fe.plotting.plot_odd_inputs(fe.Gaussian.fit(X), X, (4, 4))
    """
    x, _ = samples(X, as_energy(energy).n_features)
    full = image_shape(shape, x.shape[1])
    mean, top = (e := energy.energy(x)).mean(), e.max()
    shown = min(integer(n_images, "n_images", 1), len(x))
    made = {k: v[:shown] for k, v in odd_images(x, shape, limits=limits, seed=seed).items()}
    sheet = Sheet(ax, full, len(made), shown, text=True, limits=interval(limits, "limits"))
    for r, images in enumerate(made.values()):
        for c, (image, value) in enumerate(zip(images, energy.energy(images), strict=True)):
            sheet.draw(image.reshape(full), r, c)
            sheet.write(f"{value - mean:+.1f}", r, c, color=RED if value > top else "black")
    sheet.name_rows(list(made))
    sheet.ax.set_xlabel(
        "energy above the mean of the data (nats); in colour: above all of the data", fontsize="small"
    )
    return sheet.finish()
