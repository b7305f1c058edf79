"""The two pictures: bars for one workload, curves for scaling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from timing import Timing

OURS, PEER, INK = "#c2410c", "#94a3b8", "#1e293b"
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
    """Horizontal, logarithmic: plain Python to AVX-512 spans three orders of magnitude."""
    plt = _pyplot()
    shown = sorted(timings, key=lambda t: -t.ns)
    figure, ax = plt.subplots(figsize=(8.5, 0.36 * len(shown) + 1.3), layout="constrained")
    colours = [OURS if t.peer.startswith("fastebm") else PEER for t in shown]
    labels = [
        t.label if t.dtype in t.label or t.dtype == "float64" else f"{t.label} {t.dtype}" for t in shown
    ]
    drawn = ax.barh(labels, [t.ns for t in shown], color=colours, height=0.7)
    ax.bar_label(
        drawn, [f"{t.ns:,.0f}" if t.ns >= 100 else f"{t.ns:.3g}" for t in shown], padding=4, color=INK
    )
    ax.set_xscale("log")
    ax.set_xlim(left=1.0, right=3.0 * max(t.ns for t in shown))
    ax.set_xlabel("ns per chain-step, one thread, logarithmic; shorter is faster")
    ax.set_title(title, loc="left", color=INK)
    _plain(ax)
    figure.savefig(path, dpi=144)
    plt.close(figure)


def scaling(path: Path, curves: dict[str, dict[str, Any]]) -> None:
    """One panel a curve; every line labelled once, in the shared legend."""
    plt = _pyplot()
    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    labels = list(dict.fromkeys(label for c in curves.values() for label in c["lines"]))
    ours = [label for label in labels if label.startswith("fastebm")]
    others = [label for label in labels if label not in ours]
    colour = {label: LINES[i % len(LINES)] for i, label in enumerate(others)}
    for ax, (name, curve) in zip(axes.flat, curves.items(), strict=False):
        for label, line in curve["lines"].items():
            xs = sorted(float(x) for x in line)
            ys = [line[str(int(x))] for x in xs]
            mine = label in ours
            style = {
                "color": OURS if mine else colour[label],
                "lw": 2.4 if mine else 1.4,
                "zorder": 3 if mine else 2,
            }
            ax.plot(xs, ys, marker="o", ms=4, label=label, ls="--" if ours[1:2] == [label] else "-", **style)
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
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=144)
    plt.close(figure)
