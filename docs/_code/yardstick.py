"""The recorded run of benchmarks/yardstick.py --full, as text."""

from __future__ import annotations

import json
from pathlib import Path

from sklearn import datasets

import fastebm as fe

RECORD = Path(__file__).resolve().parents[2] / "benchmarks" / "yardstick.json"
RIVALS = ("em", "gm-diag", "gm-full", "kde")


def tables():
    """The tables that are small enough for the build of a page."""
    return {
        "Old Faithful": fe.datasets.load_old_faithful(),
        "iris": datasets.load_iris().data,
        "wine": datasets.load_wine().data,
    }


def record():
    return json.loads(RECORD.read_text(encoding="utf-8"))


def scores() -> str:
    """Nats a row of every method, and the lead over the best of the four."""
    lines = [
        f"{'':<18}{'auto':>9}" + "".join(f"{m:>9}" for m in RIVALS) + f"{'lead':>9}{'error':>8}{'folds':>8}"
    ]
    for entry in record()["tables"]:
        values = entry["log_likelihood"]
        numbers = "".join(f"{values[m]:>9.3f}" for m in ("auto", *RIVALS))
        lead = f"{entry['lead']:>+9.3f}{entry['paired_error']:>8.3f}{entry['error_over_folds']:>8.3f}"
        lines.append(f"{entry['table']:<18}{numbers}{lead}")
    return "\n".join(lines)


def raw() -> str:
    """GaussianMixture of columns as they are."""
    lines = [f"{'':<18}{'auto':>9}{'diag raw':>10}{'full raw':>10}"]
    for entry in record()["tables"]:
        v = entry["log_likelihood"]
        if "gm-full-raw" in v:
            lines.append(
                f"{entry['table']:<18}{v['auto']:>9.3f}{v['gm-diag-raw']:>10.3f}{v['gm-full-raw']:>10.3f}"
            )
    return "\n".join(lines)


def seconds() -> str:
    """CPU seconds of one search."""
    lines = [f"{'':<18}{'auto, wells':>13}{'by BIC':>9}{'by folds':>10}{'ratio to BIC':>14}{'to folds':>10}"]
    for entry in record()["tables"]:
        t = entry["seconds"]
        ratios = f"{t['auto'] / t['bic']:>14.2f}{t['auto'] / t['folds']:>10.2f}"
        lines.append(f"{entry['table']:<18}{t['auto']:>13.2f}{t['bic']:>9.2f}{t['folds']:>10.2f}{ratios}")
    return "\n".join(lines)


def six() -> list[dict]:
    """The six tables of the target."""
    return [entry for entry in record()["tables"] if entry["table"] != "diabetes, no sex"]


def worst_ratio(to: str) -> float:
    """Of the CPU seconds."""
    return max(entry["seconds"]["auto"] / entry["seconds"][to] for entry in six())
