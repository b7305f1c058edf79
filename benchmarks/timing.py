"""Interleaved timing: every peer in its own pinned process, rounds A B C A B C ..., one at work at a time.

Shared machines drift by tens of per cent within minutes, so only ratios *within a round* mean something: the
ratio in the tables is the median over rounds of (peer / fastebm) of the same round.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import levels
from checks import reference_moments
from workloads import Fit, Training, Workload

HERE = os.path.dirname(os.path.abspath(__file__))
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "FASTEBM_NUM_THREADS",
)


class PeerError(RuntimeError):
    """A worker reported an error or died."""


def usable_cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def environment(n_threads: int, isa: str | None, python: str = sys.executable) -> dict[str, str]:
    """Environment of a worker: so many cores and library threads, and no more than ``isa`` at AVX2."""
    # The last cores: interrupts and other people's jobs tend to sit on the first.
    cores = usable_cores()[-n_threads:]
    env = {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, str(n_threads)), "JAX_PLATFORMS": "cpu"}
    env["BENCH_CORES"] = ",".join(map(str, cores))
    # A switch that the user has set would restrict peers which are to be free.
    for variable in ("FASTEBM_ISA", *levels.VARIABLES):
        env.pop(variable, None)
    env.update(levels.switches(isa, python))
    if isa is not None:
        env["FASTEBM_ISA"] = isa
    if n_threads == 1:
        env["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen=false {env.get('XLA_FLAGS', '')}".strip()
    return env


class Process:
    """A worker process; same process group as the benchmark, so one interrupt ends all."""

    def __init__(
        self,
        peer: str,
        *,
        isa: str | None = None,
        n_threads: int = 1,
        python: str = sys.executable,
        key: str | None = None,
    ) -> None:
        self.peer, self.isa, self.n_threads = peer, isa, n_threads
        self.key = key or (f"{peer}@{isa}" if isa else peer)
        self._process = subprocess.Popen(
            [python, os.path.join(HERE, "worker.py"), peer],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(n_threads, isa, python),
            text=True,
        )
        self.about = self.ask("hello")

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(f"worker ended with status {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@dataclass
class Timing:
    """What one peer did on one workload; ``seconds`` has one entry a round, the same rounds for all peers."""

    key: str
    peer: str
    isa: str | None
    label: str
    dtype: str
    chain_steps: int
    n_chains: int
    first: float
    inner: int
    avx512: bool | None  # the kernel saw AVX-512 state; None where nobody knows
    seconds: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Label with level."""
        return f"{self.label} ({levels.NAMES.get(self.isa, self.isa)})" if self.isa else self.label

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """(max - min) / median of the rounds."""
        return (max(self.seconds) - min(self.seconds)) / self.median

    @property
    def ns(self) -> float:
        """Nanoseconds per chain-step."""
        return 1e9 * self.median / self.chain_steps

    def ratio_to(self, other: Timing) -> float:
        """Median over rounds of how many times slower than ``other`` this peer is, per chain-step."""
        mine, its = self.chain_steps, other.chain_steps
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median((a / mine) / (b / its) for a, b in pairs)

    def best_ratio_to(self, other: Timing) -> float:
        """The same ratio, of the shortest samples, which are disturbed least."""
        return min(self.seconds) / self.chain_steps / (min(other.seconds) / other.chain_steps)

    def as_dict(self) -> dict[str, Any]:
        own = {k: v for k, v in vars(self).items()}
        return {
            **own,
            "median": self.median,
            "spread": self.spread,
            "best": min(self.seconds),
            "ns_per_chain_step": self.ns,
        }


@dataclass
class Settings:
    rounds: int = 7
    budget: float = 20.0  # seconds for one workload; fewer rounds (never under 3) when peers are slow
    # A sample is at least this long: fast peers repeat the work inside one sample, so that nobody's best sample is
    # one lucky moment.
    shortest: float = 0.05
    say: Callable[[str], None] = print


def measure(
    work: Workload | Training | Fit, processes: Iterable[Process], settings: Settings, failed: dict[str, str]
) -> list[Timing]:
    """Prepare every peer, then time them in interleaved rounds; what fails goes to ``failed``."""
    expected: list[Any] = []
    if isinstance(work, Workload) and work.n_chains <= 100_000:
        n, mean, std = reference_moments(work)
        expected = [n, mean.tolist(), std.tolist()]
    ready: list[tuple[Process, Timing]] = []
    for process in processes:
        try:
            if isinstance(work, Workload):
                answer = process.ask("prepare", work=work.as_dict(), expected=expected)
            else:
                kinds = {Fit: "prepare_fit", Training: "prepare_training"}
                do = kinds.get(type(work), "prepare_network")
                answer = process.ask(do, work=work.as_dict())
        except PeerError as error:
            failed[f"{work.name}: {process.key}"] = str(error)
            settings.say(f"  {process.key}: left out, {error}")
            continue
        if answer["supported"]:
            ready.append((process, _timing(process, work, answer, settings)))
    _rounds(ready, settings, work.name, failed)
    return [timing for _, timing in ready if timing.seconds]


def _timing(
    process: Process, work: Workload | Training | Fit, answer: dict[str, Any], settings: Settings
) -> Timing:
    n_chains = answer["n_chains"]
    steps = n_chains * work.n_steps if isinstance(work, Workload) else work.chain_steps
    inner = max(1, min(10_000, round(settings.shortest / max(answer["warm"], 1e-9))))
    about = (process.key, process.peer, process.isa, process.about["label"], process.about["dtype"])
    found = {"n_chains": n_chains, "first": answer["first"], "avx512": answer["avx512"]}
    timing = Timing(*about, chain_steps=steps, inner=inner, **found)
    timing.cost = max(answer["warm"] * inner, 1e-9)  # type: ignore[attr-defined]
    return timing


def _rounds(
    ready: list[tuple[Process, Timing]], settings: Settings, name: str, failed: dict[str, str]
) -> None:
    cost = sum(vars(t).pop("cost") for _, t in ready)
    rounds = (
        settings.rounds
        if cost == 0
        else max(min(3, settings.rounds), min(settings.rounds, int(settings.budget / cost)))
    )
    for number in range(rounds):
        # Start at another peer each round, so that nobody always runs after the same neighbour.
        turn = number % max(1, len(ready))
        for process, timing in ready[turn:] + ready[:turn]:
            if timing.key in failed:
                continue
            try:
                timing.seconds.append(process.ask("run", inner=timing.inner)["seconds"])
            except PeerError as error:
                failed[f"{name}: {timing.key}"] = str(error)
                failed[timing.key] = str(error)
                timing.seconds.clear()
