"""Every scenario fitted in every way it asks for, a line of a CSV each, and the table of all lines."""

from __future__ import annotations

import csv
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np

import fastebm as fe

from . import yardstick
from .scenarios import ALL

LOST = 0.02
FIELDS = [
    "scenario", "group", "path", "seed", "n", "n_wells", "n_features", "plain", "score", "best", "warnings", "ms",
    "sk1", "sk1_ms", "sk10", "sk10_ms",
]  # fmt: skip


def fit(path, x, z, k, seed):
    """(mean log-likelihood in standardised units, codes of the warnings, seconds)."""
    begin = time.perf_counter()
    with warnings.catch_warnings():
        # They are read from the result.
        warnings.simplefilter("ignore", fe.FastEBMWarning)
        if path == "trainer":
            result = fe.ContrastiveDivergence(fe.initial_wells(z, k, seed=seed)).fit(z, seed=seed)
            score = float(result.energy.log_prob(z).mean())
        else:
            result = fe.fit_wells(x, k, recipe=path, seed=seed)
            score = float(result.wells.log_prob(z).mean())
    return score, [w.code for w in result.warnings], time.perf_counter() - begin


def run(scenario, seed, paths=None):
    """The lines of one data set."""
    rng = np.random.default_rng([seed, *scenario.name.encode()])
    x, truth = scenario.draw(rng)
    offset, scale = x.mean(axis=0), x.std(axis=0)
    z = (x - offset) / scale
    if truth is not None:
        truth = truth[0], (truth[1] - offset) / scale, truth[2] / scale
    k = scenario.n_wells
    # Wells that are nearly too narrow for fastebm are no plain case.
    plain = scenario.plain and (truth is None or truth[2].min() > yardstick.ROOM * yardstick.NARROWEST)
    sk1, sk10 = yardstick.plain(z, k, 1, seed % 2**31), yardstick.plain(z, k, 10, seed % 2**31)
    fits = {path: fit(path, x, z, k, seed) for path in paths or scenario.paths}
    best = max(yardstick.best(z, k, truth, seed), *(f[0] for f in fits.values()))
    for path, (score, codes, seconds) in fits.items():
        yield {
            "scenario": scenario.name, "group": scenario.group, "path": path, "seed": seed, "n": scenario.n,
            "n_wells": k, "n_features": scenario.n_features, "plain": int(plain), "score": score, "best": best,
            "warnings": " ".join(codes), "ms": 1e3 * seconds, "sk1": sk1[0], "sk1_ms": 1e3 * sk1[1], "sk10": sk10[0],
            "sk10_ms": 1e3 * sk10[1],
        }  # fmt: skip


def full(path, first_seed, scenarios=ALL, show=sys.stderr):
    """Run what the CSV at path does not hold yet; return all lines."""
    path = Path(path)
    lines = []
    if path.exists():
        with path.open(newline="") as file:
            lines = list(csv.DictReader(file))
    done = {(line["scenario"], int(line["seed"])) for line in lines}
    todo = [(s, first_seed + i) for s in scenarios for i in range(s.seeds)]
    todo = [(s, seed) for s, seed in todo if (s.name, seed) not in done]
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not lines:
            writer.writeheader()
        for i, (scenario, seed) in enumerate(todo):
            print(f"\r{i + 1:4d} of {len(todo)}: {scenario.name:40s}", end="", file=show, flush=True)
            new = list(run(scenario, seed))
            writer.writerows(new)
            file.flush()
            lines += new
    print(file=show)
    return lines


def counts(lines) -> dict:
    """What a row of the table says of its lines."""
    shorts = [float(line["best"]) - float(line["score"]) for line in lines]
    heard = [bool(line["warnings"]) for line in lines]
    # scikit-learn's fits are the same for every path, and its likelihood may exceed ours where wells are narrower.
    other = {name: [float(r["best"]) - float(r[name]) for r in lines] for name in ("sk1", "sk10")}
    return {
        "fits": len(lines),
        "lost": sum(s > LOST for s in shorts),
        "silent": sum(s > LOST and not h for s, h in zip(shorts, heard, strict=True)),
        "false": sum(
            int(r["plain"]) and s <= LOST and h for r, s, h in zip(lines, shorts, heard, strict=True)
        ),
        "plain": sum(int(r["plain"]) for r in lines),
        "worst": max(shorts),
        "sk1": sum(s > LOST for s in other["sk1"]),
        "sk10": sum(s > LOST for s in other["sk10"]),
        "ms": [float(np.median([float(r[name]) for r in lines])) for name in ("ms", "sk1_ms", "sk10_ms")],
    }


HEADS = [
    "scenario", "path", "fits", "lost", "silent", "false alarms", "worst", "lost, n_init=1", "lost, n_init=10", "ms",
    "ms, n_init=1", "ms, n_init=10",
]  # fmt: skip


def rows(lines) -> list[list[str]]:
    """The table: a row for each group and path, and one for all."""
    groups = defaultdict(list)
    for line in lines:
        groups[line["group"], line["path"]].append(line)
    groups["all with n >= 300", ""] = [line for line in lines if int(line["n"]) >= 300]
    found = []
    for (group, path), some in groups.items():
        c = counts(some)
        alarms = f"{c['false']} of {c['plain']}" if c["plain"] else "-"
        cells = [c["fits"], c["lost"], c["silent"], alarms, f"{c['worst']:.3f}", c["sk1"], c["sk10"]]
        found.append([group, path, *map(str, cells), *(f"{v:.3g}" for v in c["ms"])])
    return found


def as_text(lines) -> str:
    table = [HEADS, *rows(lines)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table
    )


def as_rst(lines) -> str:
    """The same as a list-table of reStructuredText."""
    table = [HEADS, *rows(lines)]
    body = [f"   {'*' if not i else ' '} - {cell}" for row in table for i, cell in enumerate(row)]
    return "\n".join([".. list-table::", "   :header-rows: 1", "", *body]) + "\n"
