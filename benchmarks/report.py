"""The measured run as text: tables for the terminal and for RESULTS.md, and everything as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import levels
import sections
from timing import Timing
from workloads import Training, Workload, describe

Table = list[list[str]]

TARGETS = """\
The targets were set against the forms in the fifth column. Where there is a faster form, one that we found since
or one in float32, the last columns tell how fastebm stands against it. The median counts; best is the ratio of
the shortest samples, which other people's work on the same core disturbs least. What would have to change for the
targets that are not met is on the page "How fast and why" of the documentation."""

HOW = """\
Every peer does the same work in its best form known to us (compiled and warm, gradient by hand unless the row
says autograd, buffers reused) in its own process pinned to one core. Peers are timed in turn, round after
round; a ratio is the median over rounds of peer / fastebm within a round, so above 1x fastebm is faster.
Spread is (max - min) / median, best the shortest sample. A peer is timed only after its drift, noise and final
states were checked. Where a library has two rows, the plain one is what its users write, the other the fastest
form we found. At AVX-512 every library may use what the machine has; at AVX2 each is restricted to AVX2, like
fastebm itself (see "Instruction sets"). Plain Python has nothing to restrict: its row is the same in both tables."""

SWITCHES = """\
What each peer ran with. At AVX2 the environment of its process restricts every library whose speed is measured; the
worker stops if the library says otherwise, or if the kernel saw AVX-512 state (registers or masks) while the peer was
at work. XLA hands matrix products to YNNPACK, which has no switch: at AVX2 it is off, and XLA's own products do the
work. At AVX-512 nothing is set; what is seen there may also be the C library copying memory."""


def markdown(rows: Table) -> str:
    """Aligned, so that it also reads well in a terminal; columns of figures to the right."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    right = [all(cell[:1].isdigit() or cell == "-" for cell in column[1:]) for column in columns]

    def line(row: list[str]) -> str:
        cells = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        return "| " + " | ".join(cells) + " |"

    rule = (
        "|" + "|".join("-" * (w + 1) + (":" if r else "-") for w, r in zip(widths, right, strict=True)) + "|"
    )
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def times(value: float | None) -> str:
    return "-" if value is None else f"{number(value)}x"


def duration(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1.0:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def size(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


def work_tables(work: Workload | Training, timings: Sequence[Timing]) -> str:
    """One table a level at which peers were timed; the first also has fastebm's other levels."""
    isa = list(dict.fromkeys(t.isa for t in timings if t.isa in levels.NAMES))
    if not isa:
        return work_table(work, timings, next((t.isa for t in timings if t.isa), None))
    parts = []
    for level in isa:
        shown = [t for t in timings if t.isa in (level, None) or (level == isa[0] and t.peer == "fastebm")]
        free = {t.peer: t for t in timings if t.isa == isa[0]} if level != isa[0] else {}
        parts += [f"**{levels.NAMES[level]}**", work_table(work, shown, level, free)]
    return "\n\n".join(parts)


def work_table(
    work: Workload | Training,
    timings: Sequence[Timing],
    level: str | None,
    free: dict[str, Timing] | None = None,
) -> str:
    """One row a peer, slowest last, with its ratio to fastebm at this level; below 1x the peer is faster.

    ``free`` are the same peers at the best level: what the restriction costs them.
    """
    ours = next((t for t in timings if t.peer == "fastebm" and t.isa == level), None)
    features = work.n_features if isinstance(work, Workload) else 1
    head = ["implementation", "dtype", "time", "best", "ns/chain-step"]
    if features > 1:
        head.append("ns/(chain-step x feature)")
    head += ["spread", *(["vs fastebm"] if ours else []), *(["vs itself at AVX-512"] if free else [])]
    rows: Table = [head]
    for t in sorted(timings, key=lambda t: t.ns):
        whole = t.median * work.chain_steps / t.chain_steps
        mark = "" if t.chain_steps == work.chain_steps else " *"
        best = min(t.seconds) * work.chain_steps / t.chain_steps
        row = [
            t.label if t.isa in (level, None) else t.name,
            t.dtype,
            duration(whole) + mark,
            duration(best) + mark,
            number(t.ns),
        ]
        if features > 1:
            row.append(number(t.ns / features))
        row.append(f"{100 * t.spread:.0f} %")
        if ours:
            row.append(times(t.ratio_to(ours)))
        if free:
            row.append(times(t.ratio_to(free[t.peer]) if t.peer in free else None))
        rows.append(row)
    text = markdown(rows)
    rounds = len(timings[0].seconds) if timings else 0
    notes = [
        f"{rounds} interleaved rounds, one core" if getattr(work, "n_threads", 1) == 1 else f"{rounds} rounds"
    ]
    if any(t.chain_steps != work.chain_steps for t in timings):
        notes.append("* timed on fewer chains and scaled")
    faster = [t.label for t in timings if ours and t.peer != "fastebm" and t.ratio_to(ours) < 1.0]
    if faster:
        notes.append("faster than fastebm here: " + ", ".join(faster))
    return f"{text}\n\n{'; '.join(notes)}."


def _reached(score: dict[str, Any] | None, wanted: float) -> list[str]:
    if score is None:
        return ["not measured", "-", "-", "-"]
    met = "yes" if score["median"] >= wanted else "NO"
    return [score["form"], times(score["median"]), times(score["best"]), met]


def target_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["work", "against", "level", "target", "form", "median", "best", "met"]
    table: Table = [[*head, "fastest form", "median", "best", "met"]]
    for r in rows:
        usual, fastest = _reached(r["usual"], r["wanted"]), _reached(r["fastest"], r["wanted"])
        if r["usual"] == r["fastest"]:
            fastest = ["the same", "", "", ""]
        table.append([r["work"], r["against"], r["level"], times(r["wanted"]), *usual, *fastest])
    return markdown(table)


def instruction_set_table(rows: Sequence[dict[str, Any]]) -> str:
    """Who was restricted and what was seen, then how; the long values are only in results.json."""
    seen = {True: "seen", False: "none", None: "unknown"}
    libraries = {variable: library for library, (variable, _) in levels.SWITCHES.items()}
    peers: Table = [["implementation", "level", "it reports", "AVX-512 state", "restricted"]]
    used: dict[str, str] = {}
    for r in rows:
        names = ", ".join(libraries[variable] for variable in r["switches"]) or "-"
        peers.append([r["label"], r["level"], r["says"], seen[r["avx512_state"]], names])
        used |= r["switches"]
    switches: Table = [["library", "switch"]]
    for variable, value in used.items():
        short = f"={value}" if len(value) <= 120 else ": the processor's features without AVX-512"
        switches.append([libraries[variable], f"`{variable}{short}`"])
    return markdown(peers) + (f"\n\n{markdown(switches)}" if used else "")


def footprint_table(found: dict[str, Any]) -> str:
    table: Table = [["what", "value", "beside", "target"]]
    seen = found["import"]
    for package, cost in seen.items():
        beside = "" if package == "numpy" else f"{cost['ratio_to_first']:.2f}x of import numpy"
        target = "<= 1.25x" if package == "fastebm" else ""
        table.append([f"import {package}: time", duration(cost["seconds"]), beside, target])
        table.append([f"import {package}: peak memory", size(cost["peak_bytes"]), "", ""])
    if found["sampling"]:
        s = found["sampling"]
        beside = f"x0 + result {size(s['states_bytes'])}"
        whole = f"sampling {int(s['n_chains']):,} chains: memory"
        table.append([whole, size(s["total_bytes"]), beside, f"<= {size(s['allowed'])}"])
    if found["wheel"]:
        table.append(["wheel", size(found["wheel"]["bytes"]), found["wheel"]["name"], "<= 1.5 MB"])
    for package, n_bytes in found["installed_bytes"].items():
        table.append([f"installed size: {package}", size(n_bytes), "", ""])
    return markdown(table)


def scaling_table(curve: str, points: dict[str, dict[str, float]]) -> str:
    """ns per chain-step (threads: million chain-steps a second) by peer and size."""
    columns = sorted({float(x) for line in points.values() for x in line})
    rows: Table = [["implementation", *(f"{x:,.0f}" for x in columns)]]
    for label, line in points.items():
        rows.append([label, *(number(line[str(int(x))]) if str(int(x)) in line else "-" for x in columns)])
    return f"**{curve}**\n\n{markdown(rows)}"


def machine_lines(machine: dict[str, str], versions: dict[str, str]) -> str:
    libraries = ", ".join(f"{k} {v}" for k, v in sorted(versions.items()))
    about = f"{machine['processor']}, {machine['cores']} cores ({machine['caches']}), {machine['system']}"
    python = f"Python {machine['python']} ({machine['python_compiler']}, {machine['libc']})"
    return f"- machine: {about}\n- {python}\n- libraries: {libraries}"


def results_markdown(run: dict[str, Any], tables: list[tuple[Workload | Training, list[Timing]]]) -> str:
    parts = [
        "# Benchmark results",
        "Written by `python benchmarks/compare.py --full`; do not edit.",
        machine_lines(run["machine"], run["versions"]),
        HOW,
        "![ns per chain-step](bars.png)",
        "## Targets",
        TARGETS,
        target_table(run["targets"]),
    ]
    for work, timings in tables:
        parts += [f"## {work.name}: {describe(work)}", work_tables(work, timings)]
    if run.get("scaling"):
        parts += ["## Scaling", "![scaling](scaling.png)"]
        parts += [scaling_table(name, curve["lines"]) for name, curve in run["scaling"].items()]
    if run.get("instruction_sets"):
        parts += ["## Instruction sets", SWITCHES, instruction_set_table(run["instruction_sets"])]
    if run.get("footprint"):
        parts += ["## Footprint", footprint_table(run["footprint"])]
    if run["failed"]:
        parts += ["## Left out", "\n".join(f"- {k}: {v}" for k, v in run["failed"].items())]
    return "\n\n".join(parts) + "\n"


def write(folder: Path, run: dict[str, Any], tables: list[tuple[Workload | Training, list[Timing]]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / "RESULTS.md"
    results.write_text(results_markdown(run, tables) + sections.kept(results), encoding="utf-8")
    whole = {**run, "tables": [{"work": w.as_dict(), "rows": [t.as_dict() for t in ts]} for w, ts in tables]}
    (folder / "results.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
