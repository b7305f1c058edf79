"""The two pictures: bars for one workload, curves for scaling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import levels
from timing import Timing

OURS, PEER, INK = "#c2410c", "#94a3b8", "#1e293b"
OURS_AVX2, PEER_AVX2 = "#f0a884", "#d3dae4"
# Colour-blind safe; one colour a library in every panel.
LINES = ("#2563eb", "#0d9488", "#a16207", "#7c3aed", "#64748b", "#be185d")


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _plain(ax: Any) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(colors=INK)


def bars(path: Path, timings: Sequence[Timing], title: str) -> None:
    """Horizontal, logarithmic: plain Python to AVX-512 spans three orders of magnitude. One bar a level."""
    plt = _pyplot()
    isa = list(dict.fromkeys(t.isa for t in timings if t.isa in levels.NAMES))
    groups: dict[str, list[Timing]] = {}
    for t in timings:
        # fastebm's oldest level has no peers beside it: a row of its own.
        groups.setdefault(t.label if t.isa in (*isa, None) else t.name, []).append(t)
    order = sorted(groups, key=lambda label: -min(t.ns for t in groups[label]))
    figure, ax = plt.subplots(figsize=(8.5, 0.42 * len(order) + 1.3), layout="constrained")
    for row, label in enumerate(order):
        height = 0.8 / len(groups[label])
        for place, t in enumerate(groups[label]):
            mine, second = t.peer.startswith("fastebm"), t.isa in isa[1:]
            colour = (OURS_AVX2 if mine else PEER_AVX2) if second else (OURS if mine else PEER)
            y = row + 0.4 - (place + 0.5) * height
            drawn = ax.barh(y, t.ns, color=colour, height=0.9 * height)
            text = f"{t.ns:,.0f}" if t.ns >= 100 else f"{t.ns:.3g}"
            ax.bar_label(drawn, [text], padding=4, color=INK, fontsize=8)
    ax.set_yticks(range(len(order)), order)
    ax.set_ylim(-0.6, len(order) - 0.4)
    ax.set_xscale("log")
    ax.set_xlim(left=1.0, right=3.0 * max(t.ns for t in timings))
    pale = "; pale: all restricted to AVX2" if isa[1:] else ""
    ax.set_xlabel(f"ns per chain-step, one thread, logarithmic{pale}")
    ax.set_title(title, loc="left", color=INK)
    _plain(ax)
    figure.savefig(path, dpi=144)
    plt.close(figure)


def scaling(path: Path, curves: dict[str, dict[str, Any]]) -> None:
    """One panel a curve; every line labelled once, in the shared legend. One colour a library, AVX2 dashed."""
    plt = _pyplot()
    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    labels = list(dict.fromkeys(label for c in curves.values() for label in c["lines"]))
    ours = [label for label in labels if label.startswith("fastebm")]
    dashed = f" ({levels.NAMES[levels.AVX2]})"
    if all(label.endswith(dashed) for label in ours):
        dashed = "nothing"
    bare = {label: label for label in labels}
    for level in levels.NAMES.values():
        bare = {label: name.removesuffix(f" ({level})") for label, name in bare.items()}
    others = list(dict.fromkeys(bare[label] for label in labels if label not in ours))
    colour = {label: LINES[i % len(LINES)] for i, label in enumerate(others)}
    for ax, (name, curve) in zip(axes.flat, curves.items(), strict=False):
        for label, line in curve["lines"].items():
            xs = sorted(float(x) for x in line)
            ys = [line[str(int(x))] for x in xs]
            mine = label in ours
            style = {
                "color": OURS if mine else colour[bare[label]],
                "lw": (2.4 if mine else 1.4) - (0.4 if label.endswith(dashed) else 0.0),
                "zorder": 3 if mine else 2,
            }
            second = label.endswith(dashed)
            entry = None if second else bare[label]
            ax.plot(xs, ys, marker="o", ms=4, label=entry, ls="--" if second else "-", **style)
        ax.set_xscale("log", base=curve["base"])
        ax.set_yscale("log")
        for axis in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
            axis(lambda v, _: f"{v:g}" if f"{v:e}"[0] in "125" else "")
        if curve["base"] == 2:
            ax.set_xticks(sorted({float(x) for line in curve["lines"].values() for x in line}))
            ax.xaxis.set_major_formatter(lambda v, _: f"{v:.0f}")
        ax.set_xlabel(curve["x"])
        ax.set_ylabel(curve["y"])
        ax.set_title(name, loc="left", color=INK)
        ax.grid(alpha=0.25)
        _plain(ax)
    handles: dict[str, Any] = {}
    for ax in axes.flat:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    title = "dashed: restricted to AVX2" if any(label.endswith(dashed) for label in labels) else None
    place = {"loc": "outside lower center", "ncols": 5, "frameon": False}
    figure.legend(handles.values(), handles.keys(), title=title, **place)
    figure.savefig(path, dpi=144)
    plt.close(figure)
