"""Time fastebm (every level this processor runs) against every installed peer, at AVX-512 and at AVX2.

At AVX2 the peers are restricted to AVX2 as well (levels.py).

    python benchmarks/compare.py --quick     about three minutes: the tables, on the terminal
    python benchmarks/compare.py --full      also scaling curves; writes RESULTS.md, results.json, PNGs
    python benchmarks/compare.py --smoke     a few seconds: does everything still run? (for CI)

Install whatever of benchmarks/requirements.txt you want to see. For good figures leave the machine alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

# Python puts this folder on the path when the file is run as a script; the workers rely on the same.
import footprint
import levels
import machine
import report
import scaling
import targets
from peers import PEERS, PLAIN
from timing import PeerError, Process, Settings, Timing, measure
from workloads import SMOKE, W1, W1_SMALL, W2A, W2B, W3, Training, Workload, describe

SMOKE_PEERS = ("fastebm", "fastebm-dropin", "python", "numpy", "numpy-best")

Tables = list[tuple[Workload | Training, list[Timing]]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--quick", action="store_const", dest="mode", const="quick", default="quick")
    mode.add_argument("--full", action="store_const", dest="mode", const="full")
    mode.add_argument("--smoke", action="store_const", dest="mode", const="smoke")
    parser.add_argument("--peers", help=f"comma-separated, of: {', '.join(PEERS)}")
    parser.add_argument("--only", help="comma-separated workloads, such as W1,W3 (not with --full)")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (quick 5, full 21)")
    parser.add_argument(
        "--max-chains", type=int, default=10_000_000, help="end of the scaling curve in chains"
    )
    parser.add_argument("--wheel", help="a built wheel whose size is to be reported")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where --full writes")
    return parser.parse_args()


def peer_levels(isa: list[str]) -> list[str | None]:
    """Levels at which peers are timed; None where fastebm is missing or has neither."""
    return [level for level in isa if level in levels.NAMES] or [None]


def start(names: list[str], isa: list[str], failed: dict[str, str], note: Any) -> dict[str, Process]:
    """Workers for each peer that is installed, right, and restricted where it is to be: one for each level."""
    shared = peer_levels(isa)
    wanted = [(n, x) for n in names for x in (isa if n == "fastebm" else [None] if n in PLAIN else shared)]
    workers: dict[str, Process] = {}
    for name, level in wanted:
        try:
            process = Process(name, isa=level)
            if not process.about["available"]:
                note(f"  {name}: not installed")
                process.close()
                continue
            checked = [w.name for w in (W1, W2A) if process.ask("check", work=w.as_dict())["supported"]]
            says = f"; {process.about['says']}" if process.about["says"] else ""
            note(f"  {process.key}: right on {', '.join(checked)}{says}")
            workers[process.key] = process
        except PeerError as error:
            failed[name if level is None else f"{name}@{level}"] = str(error)
            note(f"  {name}: left out, {error}")
    return workers


def main() -> int:
    options = arguments()
    smoke, full = options.mode == "smoke", options.mode == "full"

    def note(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    began = time.perf_counter()
    failed: dict[str, str] = {}
    names = options.peers.split(",") if options.peers else list(SMOKE_PEERS if smoke else PEERS)
    unknown = sorted(set(names) - set(PEERS))
    if unknown:
        sys.exit(f"unknown peers: {', '.join(unknown)}; known: {', '.join(PEERS)}")
    try:
        isa = levels.built()
    except levels.NotInstalled as error:
        isa, failed["fastebm"] = [], str(error)
    note("starting and checking the peers")
    workers = start(names, isa, failed, note)
    rounds = options.rounds or (21 if full else 2 if smoke else 5)
    settings = Settings(
        rounds=rounds, budget=90.0 if full else 14.0, shortest=0.005 if smoke else 0.05, say=note
    )

    tables: Tables = []
    only = options.only.split(",") if options.only and not full else None
    for work in (*SMOKE, W3) if smoke else (W1, W1_SMALL, W2A, W2B, W3):
        if only is not None and work.name not in only:
            continue
        note(f"{work.name}: {describe(work)}")
        timings = measure(work, _for(work, workers, smoke), settings, failed)
        tables.append((work, timings))
        if timings:
            print(f"\n## {work.name}: {describe(work)}\n\n{report.work_tables(work, timings)}", flush=True)

    run: dict[str, Any] = {"machine": machine.describe(), "versions": _versions(workers), "failed": failed}
    run["mode"], run["levels"] = options.mode, isa
    run["targets"] = targets.compare({w.name: ts for w, ts in tables})
    if full:
        few = Settings(rounds=min(5, rounds), budget=20.0, shortest=0.03, say=note)
        run["scaling"] = scaling.run(workers, peer_levels(isa), few, failed, options.max_chains)
    run["instruction_sets"] = _instruction_sets(workers, tables)
    for process in workers.values():
        process.close()
    if run["instruction_sets"]:
        print(f"\n## Instruction sets\n\n{report.instruction_set_table(run['instruction_sets'])}")
    if not smoke:
        print(f"\n## Targets\n\n{report.target_table(run['targets'])}")
        note("footprint")
        run["footprint"] = footprint.measure(_installed(workers), options.wheel, 15 if full else 5)
        print(f"\n## Footprint\n\n{report.footprint_table(run['footprint'])}")
    print("\n" + report.machine_lines(run["machine"], run["versions"]))
    if full:
        _write(options.out, run, tables)
    for what, why in failed.items():
        print(f"left out: {what}: {why}")
    note(f"{time.perf_counter() - began:.0f} s in all")
    # A smoke run is a test: it fails when anything that is installed does not work.
    return 1 if smoke and failed else 0


def _for(work: Workload | Training, workers: dict[str, Process], smoke: bool) -> list[Process]:
    """Training in plain Python takes five seconds a time: not in a smoke run."""
    return [w for w in workers.values() if not (smoke and isinstance(work, Training) and w.peer == "python")]


def _instruction_sets(workers: dict[str, Process], tables: Tables) -> list[dict[str, Any]]:
    """What each peer was told, what it says, and what the kernel saw on any workload."""
    rows = []
    for key, process in workers.items():
        if process.isa not in levels.NAMES:
            continue
        seen = [t.avx512 for _, timings in tables for t in timings if t.key == key and t.avx512 is not None]
        row = {"peer": process.peer, "label": process.about["label"], "level": levels.NAMES[process.isa]}
        row |= {"says": process.about["says"], "avx512_state": any(seen) if seen else None}
        rows.append({**row, "switches": process.about["switches"]})
    return rows


def _versions(workers: dict[str, Process]) -> dict[str, str]:
    found: dict[str, str] = {}
    for process in workers.values():
        found.update(process.about["versions"])
    return found


def _installed(workers: dict[str, Process]) -> list[str]:
    packages = [p for process in workers.values() for p in process.about["versions"]]
    extra = ["llvmlite"] if "numba" in packages else []
    return list(dict.fromkeys([*packages, *extra]))


def _write(folder: Path, run: dict[str, Any], tables: Tables) -> None:
    import charts

    report.write(folder, run, tables)
    w1 = next(timings for work, timings in tables if work.name == W1.name)
    charts.bars(folder / "bars.png", w1, f"{W1.name}: {describe(W1)}")
    charts.scaling(folder / "scaling.png", run["scaling"])


if __name__ == "__main__":
    sys.exit(main())
