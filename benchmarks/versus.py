"""Time one installation of fastebm against another, such as the commit before.

    python benchmarks/versus.py --old /venv-a/bin/python --new /venv-b/bin/python [--rounds 11]

Each interpreter needs NumPy and its own fastebm. Workers stay alive; at every level the two take turns, and swap
places every round, so that drift of the machine hits both. A ratio is new / old: below 1 the new one is faster.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

import levels
import report
from timing import PeerError, Process, Settings, Timing, measure
from workloads import FITS, W1, W1_SMALL, W2A, W2B, W3, Fit, Training, Workload, describe

WORKS = (W1, W1_SMALL, W2A, W2B, W3, *FITS)
Work = Workload | Training | Fit


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--old", required=True, metavar="PYTHON", help="interpreter with the old version")
    parser.add_argument("--new", required=True, metavar="PYTHON", help="interpreter with the new version")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--levels", help="comma-separated, as in FASTEBM_ISA (default: all both have)")
    parser.add_argument("--only", help=f"comma-separated, of: {', '.join(w.name for w in WORKS)}")
    return parser.parse_args()


def installation(python: str) -> tuple[str, list[str]]:
    """Where fastebm is, and its levels."""
    code = "import fastebm; print(fastebm.__file__)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd="/")
    try:
        return done.stdout.strip(), levels.built(python)
    except levels.NotInstalled as error:
        sys.exit(f"{python}: {error}")


def row(work: Work, level: str, old: Timing, new: Timing, same: bool) -> list[str]:
    best = report.duration(min(old.seconds)), report.duration(min(new.seconds))
    medians = report.duration(old.median), report.duration(new.median)
    ratios = f"{new.ratio_to(old):.3f}", f"{new.best_ratio_to(old):.3f}"
    return [work.name, level, *medians, ratios[0], *best, ratios[1], "yes" if same else "NO"]


def compare(
    work: Work, level: str, pair: tuple[Process, Process], rounds: int, failed: dict[str, str]
) -> list[str] | None:
    # As many rounds as asked for: two workers do not take long.
    settings = Settings(rounds=rounds, budget=1e9, say=lambda text: None)
    timings = measure(work, pair, settings, failed)
    if len(timings) < 2:
        return None
    old, new = timings
    same = len({process.ask("digest")["sha256"] for process in pair}) == 1
    return row(work, level, old, new, same)


def main() -> int:
    options = arguments()
    (old_at, old_isa), (new_at, new_isa) = installation(options.old), installation(options.new)
    if old_at == new_at:
        sys.exit(f"both interpreters import {old_at}")
    both = [level for level in new_isa if level in old_isa]
    asked = [level.strip() for level in options.levels.split(",")] if options.levels else both
    if unknown := [level for level in asked if level not in both]:
        sys.exit(f"not in both installations: {', '.join(unknown)}; in both: {', '.join(both)}")
    only = [name.strip() for name in options.only.split(",")] if options.only else [w.name for w in WORKS]
    if unknown := [name for name in only if name not in [w.name for w in WORKS]]:
        sys.exit(f"unknown workloads: {', '.join(unknown)}")
    failed: dict[str, str] = {}
    pairs = {}
    for level in asked:
        made = [
            Process("fastebm", isa=level, python=python, key=f"{which}@{level}")
            for which, python in (("old", options.old), ("new", options.new))
        ]
        pairs[level] = (made[0], made[1])
    rows = [["work", "level", "old", "new", "new/old", "old best", "new best", "new/old best", "same bits"]]
    for work in WORKS:
        if work.name not in only:
            continue
        print(f"{work.name}: {describe(work)}", file=sys.stderr, flush=True)
        for level, pair in pairs.items():
            if found := compare(work, level, pair, options.rounds, failed):
                rows.append(found)
    for which, python, process in zip(
        ("old", "new"), (options.old, options.new), next(iter(pairs.values())), strict=True
    ):
        print(f"- {which}: {python}, fastebm {process.about['versions']['fastebm']}")
    for pair in pairs.values():
        for process in pair:
            process.close()
    print(f"- {options.rounds} rounds, one thread; medians of rounds, best is the shortest sample\n")
    print(report.markdown(rows))
    for what, why in failed.items():
        print(f"left out: {what}: {why}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PeerError as error:
        sys.exit(f"worker: {error}")
