"""One peer in one process: reads JSON commands from stdin, answers one JSON line each on stdout.

Commands: ``check`` (is it right), ``prepare`` (compile, warm up, check the final states), ``run`` (time it),
``digest`` (hash of the result).
The process ends when stdin closes, so no worker outlives the benchmark.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

# The parent names the cores; set before any numeric library can start a thread pool.
if hasattr(os, "sched_setaffinity") and os.environ.get("BENCH_CORES"):
    os.sched_setaffinity(0, {int(c) for c in os.environ["BENCH_CORES"].split(",")})

import levels
from checks import check_fit, check_moments, check_peer, check_training, moments
from peers import load
from workloads import Fit, Training, Workload


class Worker:
    def __init__(self, name: str) -> None:
        self.peer = load(name)
        self.level = os.environ.get("FASTEBM_ISA")
        self.work: Callable[[], Any] | None = None

    def hello(self) -> dict[str, Any]:
        available = self.peer.available()
        about = {"available": available, "label": self.peer.label, "dtype": self.peer.dtype}
        if not available:
            return {**about, "versions": {}}
        says, wide = self.peer.instruction_set()
        if wide and self.level == levels.AVX2:
            raise levels.NotRestricted(f"told to use AVX2 at most, but reports: {says}")
        # Only where there is a switch: at the other levels nothing was set.
        ours = [levels.SWITCHES[library][0] for library in (*self.peer.libraries, "C library")]
        set_to = {v: os.environ[v] for v in ours if v in os.environ and self.level == levels.AVX2}
        return {**about, "versions": self.peer.versions(), "says": says, "switches": set_to}

    def check(self, work: dict[str, Any]) -> dict[str, Any]:
        wanted = Workload(**work)
        if not self.peer.supports(wanted):
            return {"supported": False}
        check_peer(self.peer, wanted)
        return {"supported": True}

    def prepare(self, work: dict[str, Any], expected: list[Any]) -> dict[str, Any]:
        wanted = Workload(**work)
        if not self.peer.supports(wanted):
            return {"supported": False}
        wanted = wanted.limited(self.peer.max_chain_steps)
        began = time.perf_counter()
        self.work = self.peer.prepare(wanted)
        result = self.work()
        first = time.perf_counter() - began
        if expected:
            n, mean, std = expected
            import numpy as np

            check_moments(moments(self.peer.to_numpy(result, wanted)), (n, np.array(mean), np.array(std)))
        del result
        warm = first if first > 0.1 and not self.peer.compiles else self._time(1)
        about = {"first": first, "warm": warm, "avx512": self._avx512()}
        return {"supported": True, "n_chains": wanted.n_chains, **about}

    def prepare_training(self, work: dict[str, Any]) -> dict[str, Any]:
        wanted = Training(**work)
        self.work = self.peer.prepare_training(wanted)
        if self.work is None:
            return {"supported": False}
        began = time.perf_counter()
        check_training(self.work(), wanted)
        first = time.perf_counter() - began
        about = {"first": first, "warm": first, "avx512": self._avx512()}
        return {"supported": True, "n_chains": wanted.batch_size, **about}

    def prepare_fit(self, work: dict[str, Any]) -> dict[str, Any]:
        wanted = Fit(**work)
        self.work = self.peer.prepare_fit(wanted)
        if self.work is None:
            return {"supported": False}
        check_fit(self.work(), wanted)
        first = self._time(1)
        about = {"first": first, "warm": first, "avx512": self._avx512()}
        return {"supported": True, "n_chains": 256, **about}

    def prepare_network(self, work: dict[str, Any]) -> dict[str, Any]:
        import network_work

        # JSON knows no tuples.
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in work.items()}
        if "n_chains" not in fields:
            wanted: Any = network_work.NetworkTraining(**fields)
            self.work, n_chains = self.peer.prepare_network_training(wanted), 256
        else:
            wanted = network_work.NetworkWork(**fields)
            self.work, n_chains = self.peer.prepare_network(wanted), wanted.n_chains
            if self.work is not None:
                network_work.check(self.peer.prepare_network, wanted)
        if self.work is None:
            return {"supported": False}
        first = self._time(1)
        about = {"first": first, "warm": self._time(1), "avx512": self._avx512()}
        return {"supported": True, "n_chains": n_chains, **about}

    def digest(self) -> dict[str, Any]:
        """Of the result's bits, for versions which are to give the same."""
        import numpy as np

        assert self.work is not None
        return {"sha256": hashlib.sha256(np.ascontiguousarray(self.work()).tobytes()).hexdigest()}

    def run(self, inner: int) -> dict[str, Any]:
        return {"seconds": self._time(inner)}

    def _avx512(self) -> bool | None:
        """Whether the work leaves traces of AVX-512; an error where it must not."""
        if self.level not in levels.NAMES:
            return None
        assert self.work is not None
        began = time.perf_counter()
        while time.perf_counter() - began < 0.02:
            self.work()
        time.sleep(0.01)
        used = levels.avx512_used(time.perf_counter() - began)
        if used and self.level == levels.AVX2:
            raise levels.NotRestricted("told to use AVX2 at most, but the kernel saw AVX-512 state")
        return used

    def _time(self, inner: int) -> float:
        work = self.work
        assert work is not None
        gc.collect()
        gc.disable()
        try:
            began = time.perf_counter()
            for _ in range(inner):
                work()
            return (time.perf_counter() - began) / inner
        finally:
            gc.enable()


def main() -> None:
    # What a library prints must not end up between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(worker, command.pop("do"))(**command)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
