"""Chain-steps on networks, fastebm against JAX, PyTorch and TorchEBM, at AVX-512 and at AVX2; training on two cores.

    python benchmarks/networks.py             about three minutes; writes the section "Networks" of RESULTS.md
    python benchmarks/networks.py --smoke     a few seconds: does everything still run? (for CI)

One core, float32, 256 chains, interleaved rounds as in compare.py; peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import levels
import machine
import report
import sections
from network_work import CONV, DENSE_2, DENSE_64, SMOKE, SMOKE_TRAINING, TRAINING, WORKS, NetworkWork
from peers import NETWORKS
from timing import PeerError, Process, Settings, Timing, measure

# Work -> peer -> how many times faster at AVX-512, at AVX2 (None: no target).
_DENSE = {"net-jax": (1.5, 1.2), "net-torch": (1.8, 1.5), "net-torchebm": (3.0, 2.5)}
TARGETS: dict[str, dict[str, tuple[float, float | None]]] = {
    DENSE_2.name: _DENSE,
    DENSE_64.name: _DENSE,
    CONV.name: {"net-jax": (4.0, None), "net-torch": (1.5, None)},
}
TRAINING_TARGET = 1.7

ABOUT = """\
Written by `python benchmarks/networks.py`; do not edit. Steps of SGLD on a network without a base, SiLU, random
weights, 256 chains in float32 on one core. A ratio is the median over interleaved rounds of peer / fastebm in the same
round. At AVX2 everybody is restricted to it. Autograd is what each library's users write; the hand-written PyTorch is
the fastest form we found. Before a peer is timed its drift is compared with plain NumPy and its noise with its law."""


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def start(failed: dict[str, str], smoke: bool) -> list[Process]:
    workers = []
    for level in [x for x in levels.built() if x in levels.NAMES] or [None]:
        for name in NETWORKS:
            if smoke and name != "net-fastebm":
                continue
            try:
                process = Process(name, isa=level)
                if process.about["available"]:
                    workers.append(process)
                else:
                    note(f"  {name}: not installed")
                    process.close()
            except PeerError as error:
                failed[f"{name}@{level}"] = str(error)
    return workers


def table(work: NetworkWork, timings: list[Timing]) -> tuple[str, list[list[str]]]:
    """The table of one network, and its rows of the table of targets."""
    rows = [
        ["implementation", "level", "us/chain-step", "best", "spread", "vs fastebm", "best", "target", "met"]
    ]
    here = {t.key: t for t in timings}
    summary = []
    for t in timings:
        ours = here.get(f"net-fastebm@{t.isa}" if t.isa else "net-fastebm")
        wanted = TARGETS.get(work.name, {}).get(t.peer, (None, None))[int(t.isa == levels.AVX2)]
        ratio = t.ratio_to(ours) if ours else None
        best = t.best_ratio_to(ours) if ours else None
        met = "" if wanted is None or ratio is None else "yes" if ratio >= wanted else "NO"
        label, level = t.label, levels.NAMES.get(t.isa, t.isa or "")
        shown = report.times(wanted) if wanted else ""
        fast = f"{t.ns * 1e-3 * min(t.seconds) / t.median:.3g}"
        spread = f"{100 * t.spread:.0f} %"
        rows.append(
            [
                label,
                level,
                f"{t.ns * 1e-3:.3g}",
                fast,
                spread,
                report.times(ratio),
                report.times(best),
                shown,
                met,
            ]
        )
        if met:
            summary.append([work.name, label, level, shown, report.times(ratio), met])
    return report.markdown(rows), summary


def training(settings: Settings, failed: dict[str, str], smoke: bool) -> tuple[str, list[list[str]]]:
    """One thread and two, in turn, the same bytes."""
    work = SMOKE_TRAINING if smoke else TRAINING
    seconds: dict[int, list[float]] = {1: [], 2: []}
    pair = {n: Process("net-fastebm", n_threads=n, key=f"training on {n}") for n in (1, 2)}
    try:
        for n, process in pair.items():
            process.ask("prepare_network", work=replace(work, n_threads=n).as_dict())
        if len({process.ask("digest")["sha256"] for process in pair.values()}) != 1:
            failed["training"] = "one thread and two give other bytes"
        for _ in range(max(2, settings.rounds // 8)):
            for n, process in pair.items():
                seconds[n].append(process.ask("run", inner=1)["seconds"] / work.n_updates)
    except PeerError as error:
        failed["training"] = str(error)
        return "", []
    finally:
        for process in pair.values():
            process.close()
    ratios = sorted(a / b for a, b in zip(seconds[1], seconds[2], strict=True))
    ratio, best = ratios[len(ratios) // 2], min(seconds[1]) / min(seconds[2])
    rows = [["threads", "ms/update", "best", "one thread / this", "best"]]
    for n, found in seconds.items():
        middle = sorted(found)[len(found) // 2]
        beside = [report.times(ratio), report.times(best)] if n == 2 else ["1x", "1x"]
        rows.append([str(n), f"{1e3 * middle:.3g}", f"{1e3 * min(found):.3g}", *beside])
    met = "yes" if ratio >= TRAINING_TARGET else "NO"
    target = [
        "training, an update",
        "one thread",
        "best",
        report.times(TRAINING_TARGET),
        report.times(ratio),
        met,
    ]
    return report.markdown(rows), [] if smoke else [target]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (101)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "RESULTS.md")
    options = parser.parse_args()
    smoke, failed = options.smoke, {}
    # Many short samples: of a machine that others use as well, some are undisturbed, and `best` is one of them.
    rounds = options.rounds or (2 if smoke else 101)
    settings = Settings(rounds=rounds, budget=20.0, shortest=0.002, say=note)
    note("starting the peers")
    workers = start(failed, smoke)
    parts: list[str] = []
    targets = [["work", "against", "level", "target", "median", "met"]]
    for work in SMOKE if smoke else WORKS:
        note(f"{work.name}, {work.n_chains} chains")
        shown, summary = table(work, measure(work, workers, settings, failed))
        parts += [f"### {work.name}", shown]
        targets += summary
    versions: dict[str, Any] = {k: v for process in workers for k, v in process.about["versions"].items()}
    for process in workers:
        process.close()
    note("training")
    shown, summary = training(settings, failed, smoke)
    parts += ["### Training: 64-256-256-1, 256 chains, 8 MALA steps, batch 128", shown]
    targets += summary
    head = [
        "## Networks",
        ABOUT,
        report.machine_lines(machine.describe(), versions),
        report.markdown(targets),
    ]
    text = "\n\n".join([*head, *parts, *[f"- left out: {what}: {why}" for what, why in failed.items()]])
    print(text)
    if not smoke:
        sections.put(options.out, "networks", text)
    return 1 if smoke and failed else 0


if __name__ == "__main__":
    sys.exit(main())
