"""What all pictures share: matplotlib when it is needed, colours, labels, ranges."""

from __future__ import annotations

import io
import os

import numpy as np

from .._runtime.check import interval, samples
from ..energies.base import Energy, as_energy

# Okabe and Ito, Color Universal Design, 2008.
BLUE, ORANGE, GREEN, PINK, SKY, RED, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#808080",
)
CYCLE = (BLUE, ORANGE, GREEN, PINK, SKY, RED)
LINES = ("-", "--", ":", "-.")
CURVE_POINTS = 600
# Inches of a new figure and its dots per inch: 900 pixels across, what a notebook's column is wide.
SIZE, MAP_SIZE, DPI = (5.6, 3.5), (5.6, 4.2), 160
# Of a picture on a dark page.
PAPER, INK = "#16181c", "#d8dade"
# Of a legend in a small panel.
TIGHT = {"handlelength": 1.4, "columnspacing": 0.9, "handletextpad": 0.4, "borderaxespad": 0.2}
MISSING = "pictures need matplotlib: pip install matplotlib"


def styles(n: int) -> list[dict]:
    """n line styles, different in colour and, after six, in dash."""
    return [{"color": CYCLE[i % 6], "linestyle": LINES[i // 6 % 4]} for i in range(n)]


def missing_matplotlib(error: ImportError) -> ImportError:
    """What is raised where matplotlib cannot be imported."""
    return ImportError(f"{MISSING} ({error})")


def axes(ax, size=SIZE):
    """Return ax, or the Axes of a new figure."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise missing_matplotlib(error) from None
    return plt.subplots(figsize=size, layout="constrained", dpi=DPI)[1]


def an_energy(energy, n_features: tuple[int, ...], use: str) -> Energy:
    """Check that energy is an Energy with one of these numbers of features."""
    as_energy(energy)
    if energy.n_features not in n_features:
        wanted = " or ".join(map(str, n_features))
        raise ValueError(
            f"this picture is for {wanted} feature(s), the energy has {energy.n_features}; use {use}"
        )
    return energy


def column(X, name: str = "X") -> np.ndarray:
    """Return one-dimensional data as an array of shape (n,)."""
    return samples(X, 1, name)[0][:, 0]


def names(labels, n: int) -> tuple[str, ...]:
    """n axis labels: given as one text or a sequence, by default x (one) or x1, x2, ..."""
    if labels is None:
        return ("x",) if n == 1 else tuple(f"x{i + 1}" for i in range(n))
    given = (labels,) if isinstance(labels, str) else tuple(labels)
    if len(given) != n:
        raise ValueError(f"labels must hold {n} text(s), one per feature, got {len(given)}: {given!r}")
    return given


def span(bounds, values, name: str = "bounds") -> tuple[float, float]:
    """The interval to draw: bounds if given, else the range of the values (or of what they return) and 8 % more."""
    given = interval(bounds, name)
    if given is not None:
        return given
    values = values() if callable(values) else values
    low, high = float(np.min(values)), float(np.max(values))
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


def spread_of(energy, d: int = 0) -> np.ndarray:
    """Points that bracket the mass of an energy along feature d, from its modes if they are known."""
    if energy.modes is None:
        raise ValueError("give X or bounds: where this energy has its mass is not known")
    mean, std = energy.modes[:, d], energy.mode_scales[:, d]
    return np.concatenate([mean - 4 * std, mean + 4 * std])


def log_z(energy, low=None, high=None) -> float:
    """log Z in closed form, or in one dimension by the midpoint rule on the interval."""
    if energy.has_log_partition or energy.n_features != 1:
        return energy.log_partition()
    edges = np.linspace(low, high, 4001)
    e = energy.energy(0.5 * (edges[:-1] + edges[1:]))
    return float(np.log(np.exp(e.min() - e).sum() * (edges[1] - edges[0])) - e.min())


def bins(x: np.ndarray) -> int:
    """Number of bins: Freedman-Diaconis, but at least 1.5 sqrt(n) (two modes make the rule too coarse), 12 to 80."""
    width = 2 * np.subtract(*np.percentile(x, [75, 25])) / len(x) ** (1 / 3)
    rule = (x.max() - x.min()) / width if width > 0 else 0.0
    return int(np.clip(np.ceil(max(rule, 1.5 * len(x) ** 0.5)), 12, 80))


def colour_bar(ax, filled, label: str, ticks: int = 6):
    """A bar of the colours beside ax, with a few round numbers."""
    from matplotlib.ticker import MaxNLocator

    bar = ax.figure.colorbar(filled, ax=ax, label=label)
    low, high = filled.levels[0], filled.levels[-1]
    numbers = MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    bar.set_ticks(numbers[(numbers >= low) & (numbers <= high)])
    return bar


def _agg():
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError as error:
        raise missing_matplotlib(error) from None
    return FigureCanvasAgg


def figure(size):
    """Return an empty Figure that needs no display and that pyplot does not know."""
    canvas = _agg()
    from matplotlib.figure import Figure

    sheet = Figure(figsize=size, layout="constrained", dpi=100)
    canvas(sheet)
    return sheet


def check_picture(path: str | None = None) -> str:
    """Return the format of a picture file (PNG without an ending); raise if it, or matplotlib, is not there."""
    ending = os.path.splitext(path or "")[1][1:].lower() or "png"
    known = _agg().get_supported_filetypes()
    if ending not in known:
        raise ValueError(
            f"{path}: a picture cannot be written as {ending!r}; endings are {', '.join(sorted(known))}"
        )
    return ending


def encoded(sheet, path: str | None = None, dpi: float | str = "figure") -> bytes:
    """The picture as the bytes of a file of that name."""
    buffer = io.BytesIO()
    sheet.savefig(buffer, format=check_picture(path), dpi=dpi)
    return buffer.getvalue()


def plain_ticks(ax, most: int = 6):
    """Numbers at the ticks as people write them: 20,000 and no offset; about `most` of them on the axis of x."""
    from ._ticks import plain

    return plain(ax, most)


def night(sheet) -> None:
    """Recolour a finished picture for a dark page: light ink on dark paper, and grey and blue maps the other way."""
    from matplotlib.colors import same_color
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.spines import Spine
    from matplotlib.text import Text

    sheet.set_facecolor(PAPER)
    for ax in sheet.axes:
        ax.set_facecolor(PAPER)
        ax.tick_params(which="both", color=INK, labelcolor=INK)
        for map_ in (*ax.images, *ax.collections):
            if map_.get_array() is not None and map_.get_cmap().name in ("Blues", "Greys"):
                map_.set_cmap(map_.get_cmap().name + "_r")

    def on_dark(colour):
        known = {"black": INK, BLUE: "#7C97FF", GREY: "#A8ACB2"}
        return next((light for dark, light in known.items() if same_color(colour, dark)), colour)

    for artist in sheet.findobj():
        if isinstance(artist, (Text, Line2D)):
            artist.set_color(on_dark(artist.get_color()))
        elif isinstance(artist, Spine):
            artist.set_edgecolor(INK)
        elif isinstance(artist, Patch):
            artist.set_edgecolor(on_dark(artist.get_edgecolor()))
    for ax in sheet.axes:
        if (legend := ax.get_legend()) is not None:
            legend.get_frame().set(facecolor=PAPER, edgecolor=INK)


def legend_above(ax, columns: int, size="small") -> None:
    """Move the legend out of the axes, for panels too small to hold it."""
    handles, texts = ax.get_legend_handles_labels()
    ax.legend(
        handles,
        texts,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=columns,
        fontsize=size,
        frameon=False,
        **TIGHT,
    )
    if ax.get_ylim()[0] == 0:
        ax.set_ylim(0, ax.get_ylim()[1] / 1.15)
