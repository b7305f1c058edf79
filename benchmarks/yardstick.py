"""Held-out log-likelihood on real tables: fastebm's `model="auto"` and what people use instead.

    python benchmarks/yardstick.py             about two minutes: the small tables, on the terminal
    python benchmarks/yardstick.py --full      also digits, about five minutes; writes yardstick.json beside this file
    python benchmarks/yardstick.py --smoke     a few seconds: does it still run? (for CI)

Five folds; every method sees the same rows, and chooses whatever it chooses without the fold that it is scored on.
Times are those of the processor, and each search is timed once more, in turn with the others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import machine
import numpy as np
from report import markdown

import fastebm as fe
from fastebm.fitting.compare import Yardstick, compare

HERE = Path(__file__).resolve().parent
RECORD = HERE / "yardstick.json"
METHODS = ("auto", "em", "gm-diag", "gm-full", "kde")
# As some use it: without standardising. Not among the four that the target names, and shown.
RAW = ("gm-diag-raw", "gm-full-raw")
SEED, MOST = 0, 10


def tables() -> dict[str, tuple[np.ndarray, str]]:
    """(rows, what was done to them) of every data set."""
    from sklearn import datasets

    diabetes = datasets.load_diabetes()
    kept = [i for i, name in enumerate(diabetes.feature_names) if name != "sex"]
    digits = datasets.load_digits().data / 16.0
    return {
        "Old Faithful": (fe.datasets.load_old_faithful(), "eruption and waiting times"),
        "iris": (datasets.load_iris().data, "4 columns, rounded to 0.1"),
        "wine": (datasets.load_wine().data, "13 columns"),
        "breast_cancer": (datasets.load_breast_cancer().data, "30 columns"),
        "diabetes": (diabetes.data, "10 columns, one of two values (sex)"),
        "diabetes, no sex": (diabetes.data[:, kept], "9 columns"),
        "digits": (
            digits + np.random.default_rng(SEED).normal(0.0, 0.1, digits.shape),
            "64 columns, v / 16 and normal noise of 0.1: a pixel that is always 0 has no density",
        ),
    }


def line(name: str, result: Yardstick, what: str) -> dict:
    """What is recorded of one table."""
    rivals = [m for m in result.methods if m in METHODS[1:]]
    best = max(rivals, key=lambda m: result.scores[m].mean())
    lead, error = result.lead("auto", best)
    leads = result.fold_leads("auto", best)
    return {
        "table": name,
        "columns": what,
        "n_rows": len(result.scores["auto"]),
        "log_likelihood": {m: float(result.scores[m].mean()) for m in result.methods},
        "best_rival": best,
        "lead": lead,
        "paired_error": error,
        "lead_in_folds": leads,
        "error_over_folds": statistics.stdev(leads) / len(leads) ** 0.5,
        "at_least_as_good": lead >= -error,
        "better": lead > error,
        "chosen": result.choices["auto"],
    }


def search_times(x: np.ndarray, rounds: int) -> dict[str, float]:
    """CPU seconds of three searches for wells, diagonal and full: medians of rounds in turn."""
    from sklearn.mixture import GaussianMixture
    from sklearn.model_selection import cross_val_score

    z = (x - x.mean(axis=0)) / x.std(axis=0)
    kinds = [(c, k) for c in ("diag", "full") for k in range(1, MOST + 1)]

    def mixture(c, k):
        return GaussianMixture(k, covariance_type=c, random_state=SEED)

    works: dict[str, Callable] = {
        "auto": lambda: fe.fit_auto(x, seed=SEED, max_seconds=0, diagnose=False),
        "bic": lambda: min((mixture(*kind).fit(z) for kind in kinds), key=lambda fit: fit.bic(z)),
        "folds": lambda: mixture(
            *max(kinds, key=lambda kind: cross_val_score(mixture(*kind), z, cv=5).mean())
        ).fit(z),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(rounds):
            for name, work in works.items():
                begin = time.process_time()
                work()
                seconds[name].append(time.process_time() - begin)
    return {name: statistics.median(values) for name, values in seconds.items()}


def as_rows(record: list[dict]) -> list[list[str]]:
    """Nats a row; the lead of auto over the best of the four, its paired error, and whether the target holds."""
    head = ["table", *METHODS, *RAW, "best of four", "lead", "error", "holds", "better"]
    body = []
    for entry in record:
        values = [
            f"{entry['log_likelihood'][m]:.3f}" if m in entry["log_likelihood"] else "-"
            for m in METHODS + RAW
        ]
        verdict = ["yes" if entry[key] else "NO" for key in ("at_least_as_good", "better")]
        body.append(
            [
                entry["table"],
                *values,
                entry["best_rival"],
                f"{entry['lead']:+.3f}",
                f"{entry['paired_error']:.3f}",
                *verdict,
            ]
        )
    return [head, *body]


def time_rows(record: list[dict]) -> list[list[str]]:
    """CPU seconds of one search."""
    head = [
        "table",
        "auto, wells only",
        "GaussianMixture by BIC",
        "by 5 folds",
        "ratio to BIC",
        "ratio to folds",
    ]
    body = []
    for entry in record:
        t = entry["seconds"]
        ratios = [f"{t['auto'] / t[k]:.2f}" for k in ("bic", "folds")]
        body.append([entry["table"], *(f"{t[k]:.2f}" for k in ("auto", "bic", "folds")), *ratios])
    return [head, *body]


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all tables, and write yardstick.json")
    parser.add_argument("--smoke", action="store_true", help="one table, two folds")
    parser.add_argument("--only", metavar="NAME", help="one table")
    parser.add_argument("--rounds", type=int, default=3, help="of timing (default 3)")
    options = parser.parse_args(argv)
    record = []
    for name, (x, what) in tables().items():
        if (name == "digits" and not options.full) or options.only not in (None, name):
            continue
        if options.smoke and name != "iris":
            continue
        methods = METHODS + (() if name == "digits" else RAW)
        result = compare(x, methods, n_folds=2 if options.smoke else 5, seed=SEED)
        entry = line(name, result, what)
        entry["seconds"] = search_times(x, 1 if options.smoke or name == "digits" else options.rounds)
        record.append(entry)
        print(
            f"{name}: {entry['lead']:+.3f} +- {entry['paired_error']:.3f} over {entry['best_rival']}",
            flush=True,
        )
    print()
    print(markdown(as_rows(record)))
    print()
    print(markdown(time_rows(record)))
    if options.full and options.only is None:
        facts = machine.describe()
        RECORD.write_text(json.dumps({"machine": facts, "tables": record}, indent=1) + "\n", encoding="utf-8")
        print(f"\nwrote {RECORD.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
