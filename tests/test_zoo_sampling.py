"""Runs of a sampler that go wrong, each in one way: `diagnose` names it, and its advice leads to the right law."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from stats import grid_cdf, ks, ks_limit

import fastebm as fe

TWO = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
BELL = fe.WellMixture.from_mixture([1.0], [[0.0, 0.0]], [[1.0, 1.0]])
CHAINS = 400


def own(energy, grad, n_features=1):
    return fe.PythonEnergy(energy, grad, n_features)


def draws(energy):
    return lambda rng: energy.exact_sample(CHAINS, seed=rng)


def one_mode(rng):
    x = TWO.exact_sample(4 * CHAINS, seed=rng)
    return x[x[:, 0] < 0][:CHAINS]


def noisy():
    rng = np.random.default_rng(3)
    return own(lambda X: 0.5 * (X**2).sum(axis=1) + 0.05 * rng.normal(size=len(X)), lambda X: X, 2)


def normals(d):
    return lambda rng: rng.normal(size=(CHAINS, d))


@dataclass(frozen=True)
class Case:
    """Codes of which one must be found; and what the advice says, where following it leads to the law of ``law``."""

    name: str
    energy: fe.Energy
    sampler: fe.Sampler
    starts: object
    codes: tuple[str, ...]
    n_steps: int = 30
    cure: dict = field(default_factory=dict)


def halved(X):
    centred = X - X.mean(axis=0)
    return 0.5 * (centred**2).sum(axis=1)


MALA = fe.MALA(0.1)
MIX = fe.cycle((fe.MALA(0.1), 5), (fe.IndependenceMH(-5, 5), 1))
CASES = [
    Case("gradient times two", own(TWO.energy, lambda X: 2 * TWO.grad(X)), MALA, draws(TWO), ("gradient",),
         cure={"energy": TWO}),
    Case("gradient of the wrong sign", own(TWO.energy, lambda X: -TWO.grad(X)), fe.SGLD(0.02), draws(TWO),
         ("gradient",),         cure={"energy": TWO, "sampler": MALA}),
    Case("a component of zero", own(BELL.energy, lambda X: X * [1, 0], 2), MALA, draws(BELL), ("gradient",),
         cure={"energy": BELL}),
    Case("the gradient at its mode", own(BELL.energy, lambda X: 2 * X, 2), MALA, lambda r: np.zeros((CHAINS, 2)),
         ("gradient",)),
    Case("noise in the energy", noisy(), MALA, normals(2), ("noisy_energy",), cure={"energy": BELL}),
    Case("batch statistics", own(halved, lambda X: X - X.mean(axis=0), 2), MALA, normals(2), ("block_dependent",),
         cure={"energy": BELL}),
    Case("no mass: flat", own(lambda X: 0 * X[:, 0], np.zeros_like), MALA, normals(1), ("no_mass",)),
    Case("no mass: a slope", own(lambda X: X[:, 0], np.ones_like), MALA, normals(1), ("no_mass",)),
    Case("no mass: a hill", own(lambda X: -(X**2).sum(axis=1), lambda X: -2 * X, 2), MALA, normals(2), ("no_mass",)),
    Case("no mass: too slow", own(lambda X: 0.25 * np.log1p(X[:, 0] ** 2), lambda X: 0.5 * X / (1 + X**2)), MALA,
         normals(1), ("no_mass",)),
    Case("starts at the modes", TWO, fe.MALA(0.01), lambda r: np.repeat([-2.0, 1.8], CHAINS // 2),
         ("too_few_steps", "measured_temperature"), n_steps=5, cure={"sampler": MIX, "n_steps": 200}),
    Case("starts far away", TWO, fe.MALA(0.01), lambda r: 4 * TWO.exact_sample(CHAINS, seed=r),
         ("too_few_steps", "measured_temperature"), n_steps=5, cure={"sampler": MIX, "n_steps": 200}),
    Case("one mode of two", TWO, MALA, one_mode, ("mode_imbalance", "mode_weights_not_identified"),
         cure={"sampler": MIX, "n_steps": 200}),
    Case("cold noise", TWO, fe.SGLD(0.055, noise_std=0.085), draws(TWO), ("temperature",),
         cure={"sampler": fe.MALA(0.055)}),
    Case("a step that diverges", TWO, fe.SGLD(0.6), draws(TWO), ("divergence",), cure={"sampler": MALA}),
    Case("a box without a mode", TWO, fe.IndependenceMH(-4, 0), draws(TWO), ("global_box",),
         cure={"sampler": fe.IndependenceMH(-5, 5), "n_steps": 200}),
]  # fmt: skip
GOOD = [
    Case("MALA", TWO, MALA, draws(TWO), ()),
    Case("SGLD", TWO, fe.SGLD(0.01), draws(TWO), ()),
    Case("two features", BELL, fe.MALA(0.3), draws(BELL), ()),
    Case("a cycle", TWO, MIX, draws(TWO), ()),
    Case("heavy tails", own(lambda X: 2 * np.log1p(X[:, 0] ** 2 / 3), lambda X: 4 * X / (3 + X**2)), fe.MALA(0.5),
         lambda r: r.standard_t(3, (CHAINS, 1)), ()),
    Case("five Cauchy laws", own(lambda X: np.log1p(X**2).sum(axis=1), lambda X: 2 * X / (1 + X**2), 5), fe.MALA(0.3),
         lambda r: r.standard_cauchy((CHAINS, 5)), ()),
    Case("flat between bounds", own(lambda X: 0 * X[:, 0], np.zeros_like), fe.MALA(0.2, bounds=(-1, 1)),
         lambda r: r.uniform(-1, 1, (CHAINS, 1)), (), n_steps=100),
    Case("float32", own(lambda X: 0.5 * (X.astype(np.float32) ** 2).sum(axis=1).astype(float), lambda X: X, 2), MALA,
         draws(BELL), ()),
]  # fmt: skip


def found(case, seed, **changes):
    given = {"energy": case.energy, "sampler": case.sampler, "n_steps": case.n_steps} | changes
    start = case.starts(np.random.default_rng([21, seed]))
    return fe.diagnose(
        given["energy"], sampler=given["sampler"], x0=start, n_steps=given["n_steps"], seed=seed
    )


def missed(case, seeds):
    return [s for s in seeds if not {w.code for w in found(case, s)} & set(case.codes)]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_a_fault_is_named(case):
    assert missed(case, range(3)) == []


@pytest.mark.deep
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_a_fault_is_named_twenty_times(case):
    assert len(missed(case, range(100, 120))) <= 1


@pytest.mark.parametrize("case", GOOD, ids=lambda c: c.name)
def test_a_good_run_is_left_alone(case):
    assert [list(found(case, seed)) for seed in range(3)] == [[], [], []]


@pytest.mark.deep
@pytest.mark.parametrize("case", GOOD, ids=lambda c: c.name)
def test_good_runs_are_left_alone(case):
    assert [seed for seed in range(100, 150) if found(case, seed)] == []


CURED = [c for c in CASES if c.cure]


@pytest.mark.parametrize("case", CURED, ids=lambda c: c.name)
def test_the_cure_leads_to_the_law(case):
    given = {"energy": case.energy, "sampler": case.sampler, "n_steps": case.n_steps} | case.cure
    assert list(found(case, 0, **case.cure)) == []
    start = case.starts(np.random.default_rng([21, 0]))
    x = given["sampler"].sample(given["energy"], start, 30 * given["n_steps"], seed=1)
    x = np.asarray(x).reshape(CHAINS, -1)[:, 0]
    law = TWO if given["energy"].n_features == 1 else fe.WellMixture.from_mixture([1.0], [0.0], [1.0])
    assert ks(x, grid_cdf(law, -9, 9)) < ks_limit()


def test_what_was_not_looked_at_is_said():
    assert fe.diagnose(TWO, sampler=MALA).not_checked == ["the chains and the gradient: no x0 was given"]
    walls = own(lambda X: np.where(np.abs(X[:, 0]) < 1, 0.0, np.inf), np.zeros_like)
    told = fe.diagnose(walls, sampler=fe.MALA(0.01, bounds=(-1, 1)), x0=np.linspace(-0.99, 0.99, CHAINS))
    assert any("not finite next to x0" in line for line in told.not_checked)
    assert "not checked: " in str(told)
