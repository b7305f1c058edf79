"""Effective samples a second of Hamiltonian Monte Carlo, fastebm against blackjax; used by energies.py.

The same algorithm on both sides: leapfrog trajectories whose length is drawn uniformly from 1, ..., 2 L - 1 at
every step, for all chains alike. Step size and diagonal mass matrix are tuned by each library's own warm-up, and
each side has the best of several L; blackjax also the better of two acceptance rates to aim at. The chains start as
exact samples; the effective samples are counted by fastebm.ess for both, the smallest of all features and the
energy.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# The parent names the cores; set before any numeric library can start a thread pool.
if __name__ == "__main__" and hasattr(os, "sched_setaffinity") and os.environ.get("BENCH_CORES"):
    os.sched_setaffinity(0, {int(c) for c in os.environ["BENCH_CORES"].split(",")})

import numpy as np
from timing import environment

CHAINS, DRAWS = 256, 400
LENGTHS = (6, 12)
# What the warm-up aims at: ours at its own 0.9; 0.8 is blackjax's default.
AIMS = {"ours": (0.9,), "theirs": (0.8, 0.9)}
NAMES = ("Gaussian(10)", "StudentT(10)", "DoubleWell(10)", "Banana(2)", "PhiFour(16)", "WellMixture(2 x 8)")
SIGMA = 0.5 * np.eye(10) + 0.5


def ours(name: str) -> Any:
    import fastebm as fe

    return {
        "Gaussian(10)": lambda: fe.Gaussian(np.zeros(10), SIGMA),
        "StudentT(10)": lambda: fe.StudentT(5.0, np.zeros(10), 1.0),
        "DoubleWell(10)": lambda: fe.DoubleWell(10, 1.0),
        "Banana(2)": lambda: fe.Banana(2, 0.1, 3.0),
        "PhiFour(16)": lambda: fe.PhiFour(16, 1.0, 2.0),
        "WellMixture(2 x 8)": lambda: fe.WellMixture.from_mixture(
            [0.4, 0.6], [[-0.8] * 8, [0.8] * 8], [[1.0] * 8] * 2
        ),
    }[name]()


def theirs(name: str) -> Any:
    """The energy of one row as a JAX function."""
    import jax.numpy as jnp

    precision = jnp.asarray(np.linalg.inv(SIGMA))
    log_weights = jnp.log(jnp.array([0.4, 0.6]))
    centres = jnp.array([[-0.8] * 8, [0.8] * 8])
    return {
        "Gaussian(10)": lambda x: 0.5 * x @ precision @ x,
        "StudentT(10)": lambda x: 3.0 * jnp.log1p(x * x / 5.0).sum(),
        "DoubleWell(10)": lambda x: ((x * x - 1.0) ** 2).sum(),
        "Banana(2)": lambda x: x[0] ** 2 / 18.0 + 0.5 * (x[1] + 0.1 * (x[0] ** 2 - 9.0)) ** 2,
        "PhiFour(16)": lambda x: ((x * x - 1.0) ** 2).sum() + ((x[1:] - x[:-1]) ** 2).sum(),
        "WellMixture(2 x 8)": lambda x: -_logsumexp(log_weights - 0.5 * ((x - centres) ** 2).sum(axis=1)),
    }[name]


def _logsumexp(v: Any) -> Any:
    from jax.scipy.special import logsumexp

    return logsumexp(v)


class Ours:
    def prepare(self, name: str, length: int, aim: float) -> None:
        import fastebm as fe

        self.energy = ours(name)
        self.start = self.energy.exact_sample(CHAINS, seed=1)
        self.sampler = fe.tune(fe.HMC("auto", length), self.energy, self.start, seed=2, n_threads=1).sampler
        self.seed = 3

    def run(self) -> np.ndarray:
        self.seed += 1
        return self.sampler.run(self.energy, self.start, DRAWS, seed=self.seed, thin=1, n_threads=1).trace


class Theirs:
    def prepare(self, name: str, length: int, aim: float) -> None:
        import blackjax
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", True)
        energy = theirs(name)
        self.energy, self.start = ours(name), ours(name).exact_sample(CHAINS, seed=1)
        # No row is timed before it is the same density: energies differ by a constant at most.
        apart = np.asarray(jax.vmap(energy)(self.start)) - self.energy.energy(self.start)
        assert np.ptp(apart) < 1e-9 * (1 + np.abs(apart).max()), f"{name} is another density here"

        def log_density(x: Any) -> Any:
            return -energy(x)

        warm_up = blackjax.window_adaptation(
            blackjax.hmc, log_density, num_integration_steps=length, target_acceptance_rate=aim
        )
        # One chain of as many steps as our warm-up takes in each of its chains.
        (_, found), _ = jax.jit(warm_up.run, static_argnums=2)(jax.random.key(2), self.start[0], 1000)
        step, mass = found["step_size"], found["inverse_mass_matrix"]
        kernel = blackjax.hmc.build_kernel()
        init = jax.vmap(lambda x: blackjax.hmc.init(x, log_density))

        @jax.jit
        def chains(start: Any, key: Any) -> Any:
            def move(states: Any, key: Any) -> tuple[Any, Any]:
                many, own = jax.random.split(key)
                n_steps = jax.random.randint(own, (), 1, 2 * length)
                keys = jax.random.split(many, CHAINS)
                states = jax.vmap(lambda k, s: kernel(k, s, log_density, step, mass, n_steps)[0])(
                    keys, states
                )
                return states, states.position

            return jax.lax.scan(move, init(start), jax.random.split(key, DRAWS))[1]

        self.seed, self.chains = 3, chains

    def run(self) -> np.ndarray:
        import jax

        self.seed += 1
        return np.asarray(self.chains(self.start, jax.random.key(self.seed)))


def serve(side: Any) -> None:
    """Answer one line of JSON for each on stdin, until it closes."""
    import fastebm as fe

    for line in sys.stdin:
        asked = json.loads(line)
        if "prepare" in asked:
            side.prepare(asked["prepare"], asked["length"], asked["aim"])
            side.run()
        begin, processor = time.perf_counter(), time.process_time()
        trace = side.run()
        answer = {"wall": time.perf_counter() - begin, "cpu": time.process_time() - processor}
        if "prepare" in asked:
            energies = side.energy.energy(trace.reshape(-1, trace.shape[-1])).reshape(*trace.shape[:2], 1)
            answer["ess"] = float(np.min(fe.ess(np.concatenate([trace, energies], axis=2))))
            # Nobody is timed before the law is right: both are compared with exact samples.
            exact = side.energy.exact_sample(100_000, seed=9)
            spread, share = exact.std(axis=0), np.minimum(answer["ess"], 1e5) ** -0.5
            apart = np.abs(trace.mean(axis=(0, 1)) - exact.mean(axis=0)) / spread / share
            assert apart.max() < 6.0, f"{asked['prepare']}: the mean is {apart.max():.1f} standard errors off"
        print(json.dumps(answer), flush=True)


class Worker:
    def __init__(self, side: str, level: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(1, level),
            text=True,
        )

    def ask(self, **what: Any) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended with status {self.process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def compare(
    level: str, names: tuple[str, ...], lengths: tuple[int, ...], rounds: int
) -> list[dict[str, Any]]:
    """A row for each density: effective samples a CPU second of both, each with its best settings."""
    workers = {side: Worker(side, level) for side in AIMS}
    rows = []
    try:
        for name in names:
            row: dict[str, Any] = {"name": name}
            for length in lengths:
                for aim in AIMS["theirs"]:
                    cpu: dict[str, list[float]] = {}
                    ess = {}
                    for side, worker in workers.items():
                        if aim in AIMS[side]:
                            ess[side] = worker.ask(prepare=name, length=length, aim=aim)["ess"]
                            cpu[side] = []
                    for _ in range(rounds):
                        for side, seconds in cpu.items():
                            seconds.append(workers[side].ask()["cpu"])
                    for side, seconds in cpu.items():
                        rate = ess[side] / float(np.median(seconds))
                        if rate > row.get(side, {"rate": 0.0})["rate"]:
                            row[side] = {"rate": rate, "length": length, "aim": aim, "ess": ess[side]}
            rows.append(row)
    finally:
        for worker in workers.values():
            worker.close()
    return rows


if __name__ == "__main__":
    serve({"ours": Ours, "theirs": Theirs}[sys.argv[1]]())
