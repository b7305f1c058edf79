"""What a notebook shows of an object: small tables, and pictures that need no plotting library.

No colours of its own but for marks that stand out on light and dark pages alike, no style sheet, nothing from outside:
a cell's output is all there is, and text takes the colour of the page. Everything that is not `Markup` is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

LEFT = "text-align:left;vertical-align:top;padding:1px 14px 1px 0"
# Okabe and Ito's, which stand out on white and on black.
MARK = {"error": "#D55E00", "warning": "#E69F00", "fine": "#009E73"}
BLUE = (0x29, 0x8C, 0xD3)
# Longer texts are cut: a theta of a network has 10^5 numbers.
LONGEST = 400
WIDTH, HEIGHT = 260, 96


class Markup(str):
    """HTML that is not escaped again."""


class Shown:
    """Mixin: `_html` is what a notebook shows. A class that fails there is shown as text."""

    def _html(self) -> str:
        raise NotImplementedError

    def _repr_html_(self) -> str | None:
        return guarded(self._html)


def guarded(make) -> str | None:
    """What make returns; None, so that the text is shown, for an object that is half built or cannot be evaluated."""
    try:
        return make()
    except Exception:
        return None


def text(value: Any) -> Markup:
    """A value in a cell: numbers to six digits, None as a dash, long texts cut."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return Markup("&ndash;")
    if isinstance(value, (bool, np.bool_)):
        return Markup("yes" if value else "no")
    if isinstance(value, (float, np.floating)):
        words = f"{value:.6g}"
    elif isinstance(value, (int, np.integer)):
        words = f"{value:,}"
    elif isinstance(value, np.ndarray):
        words = (
            f"{value.dtype}, shape {value.shape}" if value.size > 8 else np.array2string(value, precision=6)
        )
    else:
        words = str(value)
    if len(words) > LONGEST:
        words = words[:LONGEST] + " …"
    return Markup(_escape(words))


def _escape(words: str) -> str:
    # Late, as all that only pictures and tables need: 3 ms of the import.
    from html import escape

    return escape(words)


def code(value: Any) -> Markup:
    """A repr."""
    return Markup(f"<code>{text(repr(value))}</code>")


def table(rows: Iterable[Sequence[Any]], head: Sequence[Any] = ()) -> Markup:
    """Rows of cells, the first of each row its name."""

    def line(cells, tag):
        return "<tr>" + "".join(f'<{tag} style="{LEFT}">{text(c)}</{tag}>' for c in cells) + "</tr>"

    lines = [line(head, "th")] if head else []
    for name, *cells in rows:
        own = "".join(f'<td style="{LEFT}">{text(c)}</td>' for c in cells)
        lines.append(f'<tr><th scope="row" style="{LEFT}">{text(name)}</th>{own}</tr>')
    return Markup(f"<table>{''.join(lines)}</table>") if lines else Markup("")


def card(title: str, rows: Iterable[Sequence[Any]], *below: Markup) -> str:
    """A title, a table of facts, and what comes below it."""
    return f"<div><strong>{text(title)}</strong>{table(rows)}{''.join(below)}</div>"


def folded(title: str, inside: Markup) -> Markup:
    """What is shown after a click."""
    return Markup(f"<details><summary>{text(title)}</summary>{inside}</details>")


def verdict(found: Sequence[Any], not_checked: Sequence[str] = ()) -> Markup:
    """Diagnostics as a table, marked by how serious they are; then what was not looked at."""
    lines = []
    for d in found:
        colour = MARK.get(d.severity, MARK["warning"])
        what = Markup(f'<span style="border-left:4px solid {colour};padding-left:6px">{text(d.code)}</span>')
        number = f"{d.value:.3g} (limit {d.threshold:.3g})"
        lines.append(
            (what, d.severity, number, Markup(f"{text(d.meaning)}.<br>What to do: {text(d.advice)}."))
        )
    out = table(lines, ("check", "severity", "value", "what it means")) if lines else ""
    for skipped in not_checked:
        out += f"<div>Not checked: {text(skipped)}</div>"
    if not out:
        out = f'<div style="border-left:4px solid {MARK["fine"]};padding-left:6px">No warning.</div>'
    return Markup(out)


# ---- pictures ----


def _svg(inside: str, words: str, ends: Sequence[float], up: Sequence[float] = ()) -> Markup:
    """Frame, and the numbers at its corners."""
    labels = [(2, HEIGHT + 12, "start", ends[0]), (WIDTH - 2, HEIGHT + 12, "end", ends[1])]
    left = 0
    if up:
        left = 44
        labels += [(-4, HEIGHT - 2, "end", up[0]), (-4, 10, "end", up[1])]
    numbers = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{a}" font-size="10" fill="currentColor">{v:.3g}</text>'
        for x, y, a, v in labels
    )
    return Markup(
        f'<svg role="img" aria-label="{_escape(words)}" xmlns="http://www.w3.org/2000/svg" '
        f'width="{WIDTH + left + 2}" height="{HEIGHT + 16}" viewBox="{-left - 1} -1 {WIDTH + left + 2} {HEIGHT + 16}">'
        f'{inside}<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>'
        f"{numbers}</svg>"
    )


def curve(x: np.ndarray, y: np.ndarray, words: str) -> Markup:
    """A curve above zero, filled; x evenly spaced."""
    top = float(y.max()) or 1.0
    across = np.linspace(0, WIDTH, len(y))
    points = " ".join(
        f"{a:.1f},{HEIGHT - 0.94 * HEIGHT * b / top:.1f}" for a, b in zip(across, y, strict=True)
    )
    colour = "#{:02x}{:02x}{:02x}".format(*BLUE)
    inside = (
        f'<polygon points="0,{HEIGHT} {points} {WIDTH},{HEIGHT}" fill="{colour}" fill-opacity="0.25"/>'
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    )
    return _svg(inside, words, (float(x[0]), float(x[-1])))


def shade(values: np.ndarray, across: Sequence[float], up: Sequence[float], words: str) -> Markup:
    """A map of values in [0, 1], row 0 at the bottom, as blue that is as opaque as the value: it suits any page."""
    from base64 import b64encode

    pixels = np.empty((*values.shape, 4), dtype=np.uint8)
    pixels[..., :3] = BLUE
    pixels[..., 3] = np.round(255 * np.clip(values, 0, 1))
    data = b64encode(_png(pixels[::-1])).decode("ascii")
    size = f'width="{WIDTH}" height="{HEIGHT}" preserveAspectRatio="none"'
    inside = f'<image {size} href="data:image/png;base64,{data}"/>'
    return _svg(inside, words, across, up)


def _png(pixels: np.ndarray) -> bytes:
    """RGBA bytes of shape (height, width, 4) as a PNG file."""
    import struct
    import zlib

    def chunk(kind, data):
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    height, width, _ = pixels.shape
    # Each row behind the number of its filter, 0: none.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def short(values: Iterable[float], digits: int = 4) -> str:
    """Numbers beside each other, rounded."""
    return ", ".join("nan" if math.isnan(v) else f"{v:.{digits}g}" for v in values)
