"""Training as a moving picture: the density of the running model, its chains, the data."""

from __future__ import annotations

import contextlib
import copy
import io
import math
import os

import numpy as np

from .._runtime.check import integer, interval, real, samples
from .._runtime.errors import NonFiniteError, TrainingError, TrainingInterrupted
from ..energies.base import Energy
from ..storage.whole import write
from ..training import ContrastiveDivergence
from ._canvas import BLUE, GREY, ORANGE, bins, figure, names, span
from .images import GAP, Sheet, image_shape

# Chains and rows of data that are drawn; images of chains.
DOTS, IMAGES = 300, 40
# Points of the map of the density, each way; of the curve. Steps of blue: a third of the bytes of a smooth map.
SIDE, CURVE, STEPS = 160, 400, 14
COLOURS = 64
# The last picture, the result, stays this long, in seconds.
REST = 2.0


def _pillow():
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"an animation needs Pillow: pip install pillow ({error})") from None
    return Image


def animate_training(
    trainer,
    X,
    *,
    path="training.gif",
    every=None,
    n_frames=60,
    seed=None,
    shape=None,
    bounds=None,
    labels=None,
    limits=(0.0, 1.0),
    fps=12.0,
    size=None,
    **options,
):
    """Train, and write a GIF of it: the running model, its chains and the data.

    One or two features: the density of the model (normalised on the window), the chains in orange, the data in grey.
    Images (with `shape`): the chains themselves. The last picture is the result, with the theta that `fit` returns.

    Parameters
    ----------
    trainer : ContrastiveDivergence, or another trainer, or Energy
        An energy gets a `ContrastiveDivergence` with its defaults. A trainer without chains is shown without them.
    X : array-like of shape (n_samples, n_features)
        The data.
    path : str or path-like, default "training.gif"
        File to write, whole or not at all. After an error in training or Ctrl-C it holds what was seen until then.
    every : int, optional
        Updates from one picture to the next; by default `n_frames` pictures, close together at the start.
    n_frames : int, default 60
        Number of pictures, where `every` is not given.
    seed : None, int, SeedSequence or Generator
        As in `fit`; the result has the same bytes as without the film.
    shape : (height, width) or (channels, height, width), optional
        The rows of X are images, and the chains are drawn as such; needed for more than two features.
    bounds : (low, high), or a pair of them for two features, optional
        The window; by default the range of the data and 8 % more.
    labels : str or (str, str), optional
        Names and units of the features.
    limits : (low, high), default (0, 1)
        Values of images drawn black and white.
    fps : float, default 12
        Pictures a second.
    size : (float, float), optional
        Width and height in inches, of 100 pixels each.
    **options
        For the trainer's `fit`: progress, n_threads, X_val, ... A callback is called too, and can end training.

    Returns
    -------
    TrainingResult
        What `fit` returns; to train again for a picture alone would be a waste.

    Raises
    ------
    ImportError
        Without matplotlib or Pillow; before training, as all that is wrong with the arguments.
    ValueError, TypeError
        If path does not end in .gif, or more than two features come without a shape.
    OSError
        If the file cannot be written; then ``trainer.last_result`` has the result.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastebm as fe
    >>> from fastebm.datasets import two_normals
    >>> path = os.path.join(tempfile.mkdtemp(), "wells.gif")
    >>> trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=100)
    >>> result = fe.plotting.animate_training(trainer, two_normals(seed=1), path=path, n_frames=5, seed=2)
    >>> os.path.getsize(path) > 0
    True
    """
    picture = _pillow()
    if isinstance(trainer, Energy):
        trainer = ContrastiveDivergence(trainer)
    if not isinstance(getattr(trainer, "energy", None), Energy) or not hasattr(trainer, "fit"):
        raise TypeError(f"trainer must be a trainer or an Energy, got {trainer!r}")
    name = os.fsdecode(os.fspath(path))
    if not name.lower().endswith(".gif"):
        raise ValueError(f"path must end in .gif, the format of the animation, got {name!r}")
    if not os.path.isdir(os.path.dirname(os.path.abspath(name))):
        raise FileNotFoundError(f"path {name!r}: there is no such folder")
    x, _ = samples(X, trainer.energy.n_features)
    stage = _stage(trainer.energy, x, shape, bounds, labels, limits, size)
    total, rate = trainer.n_updates, real(fps, "fps", above=0, maximum=100)
    wanted = _moments(total, every, integer(n_frames, "n_frames", 1, 2000))
    energy = copy.copy(trainer.energy)
    frames, chosen = [], options.pop("callback", None)

    def callback(state):
        if state.update + 1 in wanted:
            energy.theta = state.theta
            # A model of which there is no picture any more is about to end training.
            with contextlib.suppress(NonFiniteError):
                frames.append((state.update + 1, *stage.look(energy, getattr(state, "chains", None))))
        return chosen is not None and chosen(state)

    try:
        result = trainer.fit(X, seed=seed, callback=callback, **options)
    except (TrainingError, TrainingInterrupted):
        if frames:
            write(name, _film(picture, stage, frames, rate))
        raise
    buffer = getattr(result, "buffer", None)
    chains = None if buffer is None else np.reshape(buffer.states, (-1, x.shape[1]))
    if chains is not None and frames and frames[-1][2] is not None:
        chains = chains[-len(frames[-1][2]) :]
    frames.append(("result", *stage.look(result.energy, chains)))
    write(name, _film(picture, stage, frames, rate))
    return result


def _moments(total, every, n_frames):
    if every is not None:
        return {1, *range(0, total + 1, integer(every, "every", 1))}
    # At the start a model moves fast.
    part = np.linspace(0, 1, n_frames) ** 1.7
    return set(np.maximum(np.round(part * total), 1).astype(int).tolist())


def _stage(energy, x, shape, bounds, labels, limits, size):
    if shape is not None:
        return Images(x, image_shape(shape, energy.n_features), limits, size)
    if energy.n_features > 2:
        raise ValueError(
            f"energy has {energy.n_features} features: an animation shows one or two, or images; for those give shape="
        )
    kind = Map if energy.n_features == 2 else Curve
    return kind(x, bounds, labels, size)


class Curve:
    """One feature: the density over the histogram of the data, chains as ticks."""

    def __init__(self, x, bounds, labels, size):
        self.low, self.high = span(bounds, x)
        self.grid = np.linspace(self.low, self.high, CURVE)
        (label,) = names(labels, 1)
        self.sheet = figure(size or (6.0, 3.8))
        ax = self.sheet.subplots()
        heights, *_ = ax.hist(
            x[:, 0], bins(x[:, 0]), density=True, color=GREY, alpha=0.35, label=f"data ({len(x):,})"
        )
        self.top = 1.35 * heights.max()
        (self.line,) = ax.plot([], [], color=BLUE, lw=2, label="model")
        (self.dots,) = ax.plot([], [], "|", color=ORANGE, ms=12, alpha=0.5, label="chains")
        ax.set(xlabel=label, ylabel="density", xlim=(self.low, self.high), ylim=(-0.08 * self.top, self.top))
        ax.legend(frameon=False, ncols=3, loc="upper center", fontsize="small")
        self.title = ax.set_title("", fontsize="medium")
        self.moving = [self.line, self.dots, self.title]

    def look(self, energy, chains):
        e = energy.energy(self.grid)
        p = np.exp(e.min() - e)
        density = p / (p.sum() * (self.grid[1] - self.grid[0]))
        return density, None if chains is None else chains[:DOTS].copy()

    def prepare(self, frames):
        pass

    def draw(self, density, chains):
        self.line.set_data(self.grid, density)
        at = np.zeros(0) if chains is None else chains[:, 0]
        self.dots.set_data(at, np.full(len(at), -0.04 * self.top))


class Map:
    """Two features: the density as a map, chains and data as dots."""

    def __init__(self, x, bounds, labels, size):
        sides = (None, None) if bounds is None else bounds
        if len(sides) != 2:
            raise ValueError(f"bounds must be a pair of (low, high), one per feature, got {bounds!r}")
        self.x0, self.x1 = span(sides[0], x[:, 0], "bounds[0]")
        self.y0, self.y1 = span(sides[1], x[:, 1], "bounds[1]")
        # The middles of cells, so that a sum is an integral.
        u = self.x0 + (np.arange(SIDE) + 0.5) * (self.x1 - self.x0) / SIDE
        v = self.y0 + (np.arange(SIDE) + 0.5) * (self.y1 - self.y0) / SIDE
        self.points = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
        first, second = names(labels, 2)
        self.sheet = figure(size or (4.8, 4.6))
        ax = self.sheet.subplots()
        self.image = ax.imshow(
            np.zeros((SIDE, SIDE)),
            extent=(self.x0, self.x1, self.y0, self.y1),
            origin="lower",
            cmap=_blues(),
            aspect="auto",
            interpolation="nearest",
        )
        shown = x[:: math.ceil(len(x) / DOTS)]
        (still,) = ax.plot(*shown.T, "o", ms=2.2, color=GREY, alpha=0.45, mew=0, label="data")
        (self.dots,) = ax.plot([], [], "o", ms=3.2, color=ORANGE, mec="black", mew=0.3, label="chains")
        ax.set(xlabel=first, ylabel=second, xlim=(self.x0, self.x1), ylim=(self.y0, self.y1))
        key = ax.legend(fontsize="x-small", loc="upper right", framealpha=0.8)
        self.title = ax.set_title("", fontsize="medium")
        self.moving = [self.image, still, self.dots, key, self.title]

    def look(self, energy, chains):
        e = energy.energy(self.points)
        p = np.exp(e.min() - e)
        cell = (self.x1 - self.x0) * (self.y1 - self.y0) / SIDE**2
        density = (p / (p.sum() * cell)).astype(np.float32).reshape(SIDE, SIDE)
        return density, None if chains is None else chains[:DOTS].copy()

    def prepare(self, frames):
        # One scale for all pictures, by the later ones: a spike of one does not darken the rest.
        late = [frame[1].max() for frame in frames[len(frames) // 2 :]]
        self.image.set_clim(0, float(np.median(late)))

    def draw(self, density, chains):
        self.image.set_data(density)
        self.dots.set_data(*(np.zeros((2, 0)) if chains is None else chains.T))


class Images:
    """Chains as images."""

    def __init__(self, x, shape, limits, size):
        self.shape, limits = shape, interval(limits, "limits") or (0.0, 1.0)
        across = 8
        rows = IMAGES // across
        width, height = size or (4.8, 0.4 + 4.6 * rows / across * shape[1] / shape[2])
        self.sheet = figure((width, height))
        ax = self.sheet.subplots()
        table = Sheet(ax, shape, rows, across, limits=limits)
        self.images = [
            table.draw(np.full(shape, limits[0]), *divmod(i, across)) for i in range(rows * across)
        ]
        self.scale = limits
        table.finish()
        ax.set_xlim(-GAP, across * table.pitch_x)
        self.title = ax.set_title("", fontsize="medium")
        self.moving = [*self.images, self.title]

    def look(self, energy, chains):
        return None, None if chains is None else chains[:IMAGES].copy()

    def prepare(self, frames):
        pass

    def draw(self, density, chains):
        low, high = self.scale
        for image, pixels in zip(self.images, () if chains is None else chains, strict=False):
            pixels = pixels.reshape(self.shape)
            if self.shape[0] == 3:
                image.set_data(np.clip((pixels - low) / (high - low), 0, 1).transpose(1, 2, 0))
            else:
                image.set_data(pixels[0])


def _blues():
    from matplotlib import colormaps

    return colormaps["Blues"].resampled(STEPS)


def _film(picture, stage, frames, fps) -> bytes:
    stage.prepare(frames)
    shots, canvas = [], stage.sheet.canvas
    # What does not move is drawn once: half of the time of a picture is its text.
    for artist in stage.moving:
        artist.set_animated(True)
    stage.title.set_text("update")
    canvas.draw()
    stage.sheet.set_layout_engine("none")
    still = canvas.copy_from_bbox(stage.sheet.bbox)
    for when, density, chains in frames:
        stage.title.set_text(when if isinstance(when, str) else f"update {when:,}")
        stage.draw(density, chains)
        canvas.restore_region(still)
        for artist in stage.moving:
            artist.axes.draw_artist(artist)
        pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]
        shots.append(picture.fromarray(np.ascontiguousarray(pixels)))
    # One set of colours for all, of the first, a middle and the last picture.
    some = [shots[i] for i in sorted({0, len(shots) // 2, len(shots) - 1})]
    strip = picture.fromarray(np.vstack([np.asarray(shot) for shot in some]))
    palette = strip.quantize(COLOURS, dither=picture.Dither.NONE)
    table = np.array(palette.getpalette()).reshape(-1, 3)
    # Paper stays white.
    table[table.sum(axis=1).argmax()] = 255
    palette.putpalette(table.ravel().tolist())
    small = [shot.quantize(palette=palette, dither=picture.Dither.NONE) for shot in shots]
    each = max(20, round(1000 / fps / 10) * 10)
    file = io.BytesIO()
    small[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=small[1:],
        duration=[each] * (len(small) - 1) + [round(1000 * REST)],
        loop=0,
        optimize=True,
    )
    return file.getvalue()
