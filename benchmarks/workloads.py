"""What is timed: the model, its parameters, its starting states, and a reference to check peers against.

The model is a log-sum-exp of K quadratic wells in D dimensions,

    E(x) = -log sum_j exp(-e_j(x)) + c,    e_j(x) = sum_d a_jd (x_d - m_jd)^2 + k_j,

and the work is SGLD: ``x <- x - step_size * dE/dx + noise_std * normal``. Everything here comes from fixed
seeds, so every peer gets the same model and starting states without passing arrays between processes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

# From the notebook; every workload shares the two, so that all of them run the same kind of dynamics.
STEP_SIZE = 0.055
NOISE_STD = 0.085


@dataclass(frozen=True)
class Workload:
    """One SGLD run: ``n_chains`` chains, ``n_steps`` steps, K wells in D dimensions."""

    name: str
    n_wells: int
    n_features: int
    n_chains: int
    n_steps: int
    step_size: float = STEP_SIZE
    noise_std: float = NOISE_STD
    n_threads: int = 1

    @property
    def chain_steps(self) -> int:
        return self.n_chains * self.n_steps

    @property
    def two_wells(self) -> bool:
        """The notebook's model, for which peers may use a shorter formula."""
        return self.n_wells == 2 and self.n_features == 1

    @property
    def temperature(self) -> float:
        return self.noise_std**2 / (2.0 * self.step_size)

    def limited(self, max_chain_steps: int | None) -> Workload:
        """Fewer chains, for a peer that is too slow for all of them (the cost per chain-step is the same)."""
        if max_chain_steps is None or self.chain_steps <= max_chain_steps:
            return self
        return replace(self, n_chains=max(8, max_chain_steps // self.n_steps))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @cached_property
    def wells(self) -> Wells:
        rng = np.random.default_rng([self.n_wells, self.n_features])
        shape = (self.n_wells, self.n_features)
        if self.two_wells:  # what the notebook learns
            raw_a, m, k = np.array([[-0.79], [-0.70]]), np.array([[-2.0], [1.77]]), np.array([-0.27, 0.27])
        else:
            # Wells closer together in higher dimension: the energies of different wells then stay comparable,
            # and no peer is slowed down by denormal weights.
            raw_a = rng.uniform(-0.8, 0.2, shape)
            m = rng.uniform(-3.0, 3.0, shape) / np.sqrt(self.n_features)
            k = rng.uniform(-0.5, 0.5, self.n_wells)
        return Wells(raw_a, m, k, 0.0)

    def x0(self) -> np.ndarray:
        """Starting states, ``(n_chains, n_features)`` float64."""
        rng = np.random.default_rng(self.n_chains)
        width = 4.5 / np.sqrt(self.n_features)
        return rng.uniform(-width, width, (self.n_chains, self.n_features))


@dataclass(frozen=True)
class Wells:
    """The parameters, and the two rearrangements of them that fast implementations use."""

    raw_a: np.ndarray
    m: np.ndarray
    k: np.ndarray
    c: float

    @property
    def a(self) -> np.ndarray:
        return np.exp(np.clip(self.raw_a, -5.0, 5.0))

    @property
    def theta(self) -> np.ndarray:
        """Flat: for each well raw_a, m, k; last c."""
        per_well = np.concatenate([self.raw_a, self.m, self.k[:, None]], axis=1)
        return np.append(per_well.ravel(), self.c)

    def grad(self, x: np.ndarray) -> np.ndarray:
        """dE/dx by the textbook formula, the reference for every peer."""
        diff = x[:, None, :] - self.m
        e = (self.a * diff**2).sum(axis=2) + self.k
        w = np.exp(-(e - e.min(axis=1, keepdims=True)))
        w /= w.sum(axis=1, keepdims=True)
        return (w[:, :, None] * 2.0 * self.a * diff).sum(axis=1)

    def quadratic(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``e = quad @ x**2 + lin @ x + const`` with quad and lin (K, D): lets peers use a matrix product."""
        return self.a, -2.0 * self.a * self.m, (self.a * self.m**2).sum(axis=1) + self.k

    def two_well_constants(self) -> tuple[float, float, float, float, float, float, float]:
        """(q2, q1, q0, g1, g0, d1, d0): with two wells in one dimension a single exponential is enough,

        ``dE/dx = g1 x + g0 + (d1 x + d0) / (1 + exp(q2 x^2 + q1 x + q0))``.
        """
        quad, lin, const = self.quadratic()
        (q2, q1), q0 = (quad[0, 0] - quad[1, 0], lin[0, 0] - lin[1, 0]), const[0] - const[1]
        return tuple(float(v) for v in (q2, q1, q0, 2 * quad[1, 0], lin[1, 0], 2 * q2, q1))  # type: ignore[return-value]


@dataclass(frozen=True)
class Training:
    """The notebook's training: persistent negatives from a replay buffer, one update per batch."""

    name: str = "W3"
    n_updates: int = 381
    batch_size: int = 96
    n_steps: int = 30
    learning_rate: float = 0.016
    l2: float = 8e-4
    n_replay: int = 67  # int(96 * 0.7)
    buffer_size: int = 14_000
    init_range: float = 4.5
    state_bound: float = 6.0
    step_size: float = STEP_SIZE
    noise_std: float = NOISE_STD

    @property
    def chain_steps(self) -> int:
        return self.n_updates * self.batch_size * self.n_steps

    @property
    def theta0(self) -> list[float]:
        return [0.0, -0.2, 0.0, 0.0, 0.2, 0.0, 0.0]

    @property
    def theta_limits(self) -> list[float]:
        return [3.0, 4.0, 3.0, 3.0, 4.0, 3.0, np.inf]

    def data(self) -> np.ndarray:
        """2,400 points of the notebook's mixture, 1-D."""
        rng = np.random.default_rng(31)
        left = rng.random(2400) < 0.55
        return np.where(left, rng.normal(-2.0, 0.45, 2400), rng.normal(1.8, 0.55, 2400))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Fit:
    """The package's own default fit, for a comparison with another version of it; peers have no such thing."""

    name: str = "fit"
    diagnose: bool = True

    @property
    def chain_steps(self) -> int:
        return 800 * 256 * 5

    def data(self) -> np.ndarray:
        return Training().data()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


W1 = Workload("W1", 2, 1, 20_000, 100)
W1_SMALL = Workload("W1-small", 2, 1, 96, 30)
W2A = Workload("W2 K=8 D=2", 8, 2, 8_000, 100)
W2B = Workload("W2 K=16 D=32", 16, 32, 1_600, 100)
W3 = Training()
FITS = (Fit("fit"), Fit("fit-bare", diagnose=False))

# Enough to see that the script and every peer work; says nothing about speed.
SMOKE = (
    replace(W1, name="W1 (smoke)", n_chains=2000, n_steps=20),
    replace(W1_SMALL, name="W1-small (smoke)"),
)


def describe(work: Workload | Training | Fit) -> str:
    if isinstance(work, Fit):
        return f"the default fit of 2 wells{'' if work.diagnose else ', without diagnosis'}"
    if isinstance(work, Training):
        return f"{work.n_updates} updates, batch {work.batch_size}, {work.n_steps} SGLD steps each"
    wells = f"{work.n_wells} wells, {work.n_features} feature{'s' if work.n_features > 1 else ''}"
    return f"{wells}, {work.n_chains:,} chains x {work.n_steps} steps"


def scaling_chains(upto: int) -> list[Workload]:
    """1e2 chains to ``upto``; fewer steps for large populations (never under 10) keep a point affordable."""
    sizes = [n for n in (10**p for p in range(2, 8)) if n <= upto]
    return [Workload(f"chains {n}", 2, 1, n, max(10, min(100, 20_000_000 // n))) for n in sizes]


def scaling_features() -> list[Workload]:
    return [Workload(f"features {d}", 8, d, max(500, 20_000 // d), 50) for d in (1, 2, 4, 8, 16, 32, 64)]


def scaling_wells() -> list[Workload]:
    return [Workload(f"wells {k}", k, 2, max(1000, 20_000 // k), 50) for k in (1, 2, 4, 8, 16, 32, 64)]


def scaling_threads(cores: int) -> list[Workload]:
    counts = sorted({1, *(2**p for p in range(1, 8) if 2**p <= cores), cores})
    return [Workload(f"threads {t}", 2, 1, 400_000, 50, n_threads=t) for t in counts]
