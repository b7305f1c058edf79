"""Scaling curves in chains, features, wells, threads; a point is the median of a few interleaved rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from timing import PeerError, Process, Settings, measure, usable_cores
from workloads import Workload, scaling_chains, scaling_features, scaling_threads, scaling_wells

PEERS = ("numpy", "numba-best", "jax-f64", "torch-f64")
THREADED = ("numba-best", "jax-f64", "torch-f64")


def _per_chain_step(work: Workload, seconds: float) -> float:
    return 1e9 * seconds / work.chain_steps


def _per_feature(work: Workload, seconds: float) -> float:
    return 1e9 * seconds / work.chain_steps / work.n_features


def _per_well(work: Workload, seconds: float) -> float:
    return 1e9 * seconds / work.chain_steps / work.n_wells


def _throughput(work: Workload, seconds: float) -> float:
    return work.chain_steps / seconds / 1e6


Point = Callable[[Workload, float], float]


def _curve(
    works: list[Workload],
    axis: str,
    point: Point,
    processes: Callable[[Workload], list[Process]],
    settings: Settings,
    failed: dict[str, str],
) -> dict[str, dict[str, float]]:
    lines: dict[str, dict[str, float]] = {}
    for work in works:
        settings.say(f"  {work.name}")
        for t in measure(work, processes(work), settings, failed):
            value = point(work, statistics.median(t.seconds))
            lines.setdefault(t.name, {})[str(getattr(work, axis))] = value
    return lines


def _keys(peers: tuple[str, ...], isa: list[str | None]) -> list[str]:
    return [f"{peer}@{level}" if level else peer for level in isa for peer in peers]


def run(
    workers: dict[str, Process],
    isa: list[str | None],
    settings: Settings,
    failed: dict[str, str],
    max_chains: int,
) -> dict[str, dict[str, Any]]:
    fixed = [workers[k] for k in _keys(("fastebm", *PEERS), isa) if k in workers]

    def same(_: Workload) -> list[Process]:
        return fixed

    found: dict[str, dict[str, Any]] = {}
    single = (
        ("Chains", scaling_chains(max_chains), "n_chains", _per_chain_step, 10, "chains", "ns / chain-step"),
        (
            "Features (8 wells)",
            scaling_features(),
            "n_features",
            _per_feature,
            2,
            "features",
            "ns / (chain-step x feature)",
        ),
        ("Wells (2 features)", scaling_wells(), "n_wells", _per_well, 2, "wells", "ns / (chain-step x well)"),
    )
    for name, works, axis, point, base, x, y in single:
        settings.say(f"scaling: {name}")
        lines = _curve(works, axis, point, same, settings, failed)
        found[name] = {"lines": lines, "x": x, "y": y, "base": base}

    settings.say("scaling: threads")
    started: list[Process] = []

    def threaded(work: Workload) -> list[Process]:
        while started:
            started.pop().close()
        for key in [k for k in _keys(("fastebm", *THREADED), isa) if k in workers]:
            try:
                started.append(Process(workers[key].peer, isa=workers[key].isa, n_threads=work.n_threads))
            except PeerError as error:
                failed[f"{work.name}: {key}"] = str(error)
        return started

    works = scaling_threads(len(usable_cores()))
    lines = _curve(works, "n_threads", _throughput, threaded, settings, failed)
    while started:
        started.pop().close()
    found["Threads"] = {"lines": lines, "x": "threads", "y": "million chain-steps / s", "base": 2}
    return found
