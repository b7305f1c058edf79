"""The package of examples/outside, compiled against the installed fastebm: what it adds keeps every promise that ours
keep."""

from __future__ import annotations

import copy
import importlib
import os
import pickle
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import optimize
from scipy.special import ndtr
from stats import Z_LIMIT, grid_cdf, ks, ks_limit, z_limit

import fastebm as fe
from fastebm.energies import probe

HERE = Path(__file__).parent
THETA = [0.3, 0.5, 0.4, 0.0, -0.5, -0.3]
GRID = np.linspace(-5.0, 5.0, 4001)


def run(*command, cwd, **options):
    """Run Python in a folder, with this fastebm and nothing of its source tree."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(Path(fe.__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the package, built in place; `contract` beside it is for these tests alone."""
    pytest.importorskip("Cython", reason="the outside package is not built: no Cython")
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or sys.executable).split()[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"the outside package is not built: no C compiler {compiler!r}")
    there = tmp_path_factory.mktemp("elsewhere") / "outside"
    built = shutil.ignore_patterns("*.c", "*.so", "build", "__pycache__")
    shutil.copytree(HERE.parent / "examples" / "outside", there, ignore=built)
    shutil.copy(HERE / "outside" / "contract.pyx", there / "outside_ebm")
    done = run("setup.py", "-q", "build_ext", "--inplace", "-j2", cwd=there)
    assert not done.returncode, done.stderr
    return there


@pytest.fixture(scope="module")
def outside(folder):
    sys.path.insert(0, str(folder))
    try:
        package = importlib.import_module("outside_ebm")
        contract = importlib.import_module("outside_ebm.contract")
    finally:
        sys.path.remove(str(folder))
    assert Path(package.__file__).parent.parent == folder
    return SimpleNamespace(QuarticWell=package.QuarticWell, Kick=package.Kick, contract=contract)


@pytest.fixture(scope="module")
def wells(outside):
    return outside.QuarticWell(2, theta=THETA)


def feature(outside, theta, d):
    """One feature of a QuarticWell: its features are independent."""
    return outside.QuarticWell(1, theta=theta[3 * d : 3 * d + 3])


def exact_draws(outside, n, seed, theta=THETA):
    rng = np.random.default_rng(seed)
    columns = []
    for d in range(len(theta) // 3):
        cdf = grid_cdf(feature(outside, theta, d), -5, 5)(GRID)
        columns.append(np.interp(rng.random(n), cdf, GRID))
    return np.column_stack(columns)


@pytest.fixture(scope="module")
def data(outside):
    return exact_draws(outside, 4000, 3)


# ---- the energy ----


@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_gradients(outside, n_features):
    rng = np.random.default_rng(n_features)
    energy = outside.QuarticWell(n_features, 0.8, theta=rng.normal(0, 0.4, 3 * n_features))
    x = rng.uniform(-2, 2, (300, n_features))
    report = fe.check_grad(energy, x)
    assert report and report.max_param_grad_error > 0
    h, m, _ = energy.theta.reshape(n_features, 3).T
    exact = (np.exp(h) * (12 * (x - m) ** 2 - 4 * 0.64)).sum(axis=1)
    np.testing.assert_allclose(energy.laplacian(x), exact, rtol=1e-7, atol=1e-6)


def test_weights_and_scratch(wells):
    rng = np.random.default_rng(0)
    for n in (1, 8, 13, 300):
        x, weights = rng.normal(size=(n, 2)), rng.uniform(0, 1, n)
        got = probe.weighted_param_grad(wells, x, weights)
        np.testing.assert_allclose(got, weights @ wells.param_grad(x), rtol=1e-9)
        assert not probe.scratch_touched(wells, x)
    assert "param_grad_block" in probe.scratch_touched(wells, x, fewer=10**6)


def test_extreme_values_are_not_masked(wells):
    with pytest.raises(fe.NonFiniteError):
        wells.energy([[1e90, 0.0]])


# ---- the sampler's law ----


def momenta_law(variance, step_size, friction, temperature, n_steps):
    """Covariance of (x, p) after so many steps from x = 0, for E = x^2 / (2 variance): a linear recursion."""
    t = np.sqrt(2 * step_size)
    kick = np.array([[1.0, 0.0], [-t / (2 * variance), 1.0]])
    drift = np.array([[1.0, t / 2], [0.0, 1.0]])
    keep = np.exp(-friction * t)
    law = np.diag([0.0, temperature])
    for _ in range(n_steps):
        law = drift @ kick @ law @ (drift @ kick).T
        law = np.diag([1, keep]) @ law @ np.diag([1, keep]) + np.diag([0, temperature * (1 - keep**2)])
        law = kick @ drift @ law @ (kick @ drift).T
    return law


STDS = np.array([0.5, 0.8, 1.3])


def worst_ks(sampler, n_steps):
    """Of x, p and sums of them over features, against the exact law of Kick(0.1, friction=0.7, temperature=1.5)."""
    bowl = fe.WellMixture.from_mixture([1.0], np.zeros((1, 3)), STDS[None])
    state = sampler.run(bowl, np.zeros((30_000, 3)), n_steps, seed=4).state
    laws = [momenta_law(s**2, 0.1, 0.7, 1.5, n_steps) for s in STDS]
    both = np.concatenate([state.x, state.chain_state], axis=1)
    whole = np.zeros((6, 6))
    for d, law in enumerate(laws):
        whole[np.ix_([d, d + 3], [d, d + 3])] = law
    # Every number alone, and sums that would show a correlation between features or between x and p.
    directions = [*np.eye(6), np.ones(6), [1, -1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 1, -1]]
    stds = [np.sqrt(v @ whole @ v) for v in np.array(directions)]
    return max(
        ks(both @ v, lambda z, s=s: ndtr(z / s)) for v, s in zip(directions, stds, strict=True) if s > 0
    )


@pytest.mark.parametrize("n_steps", [1, 2, 25])
def test_exact_law_in_a_bowl(outside, n_steps):
    limit = ks_limit(30)
    assert worst_ks(outside.Kick(0.1, friction=0.7, temperature=1.5), n_steps) < limit
    # Negative controls: a little too warm, and time steps a little too long.
    assert worst_ks(outside.Kick(0.1, friction=0.7, temperature=1.75), n_steps) > limit
    assert worst_ks(outside.Kick(0.125, friction=0.7, temperature=1.5), n_steps) > limit or n_steps == 25


def test_starting_momenta(outside, wells):
    p = outside.Kick(0.1, temperature=2.0).run(wells, np.zeros((30_000, 2)), 0, seed=2).state.chain_state
    limit = ks_limit(4)
    for sums in (p[:, 0], p[:, 1], p.sum(axis=1) / np.sqrt(2), (p[1:, 0] + p[:-1, 0])[::2] / np.sqrt(2)):
        assert ks(sums, lambda z: ndtr(z / np.sqrt(2))) < limit


def test_it_leaves_the_wells_as_they_are(outside, wells):
    x0 = exact_draws(outside, 30_000, 5)
    limit = ks_limit(2)

    def worst(temperature):
        x = outside.Kick(0.002, temperature=temperature).sample(wells, x0, 150, seed=6)
        return max(ks(x[:, d], grid_cdf(feature(outside, THETA, d), -5, 5)) for d in (0, 1))

    assert worst(1.0) < limit < worst(1.3)


# ---- the same bytes ----


def test_same_bytes_for_any_number_of_threads(outside, wells):
    x0 = np.random.default_rng(0).uniform(-1, 1, (6001, 2))
    states = [outside.Kick(0.01).run(wells, x0, 250, seed=5, n_threads=t).state for t in (1, 2, 3, 4)]
    assert all(state == states[0] for state in states[1:])
    assert states[0].chain_state.shape == (6001, 2)


def test_same_bytes_for_any_cut(outside, wells):
    x0, kick = np.random.default_rng(0).uniform(-1, 1, (700, 2)), outside.Kick(0.01)
    whole = kick.run(wells, x0, 60, seed=6)
    assert len(np.unique(whole.state.chain_state)) == 1400
    for first in (0, 1, 7, 32, 59):
        state = kick.run(wells, x0, first, seed=6).state
        parts = [state.chains(a, b) for a, b in [(256, 700), (0, 3), (3, 256)]]
        ends = []
        for i, part in enumerate(parts):
            for n in (i, 60 - first - i) if first < 58 else (60 - first,):
                part = kick.run(wells, part, n).state
            ends.append(part)
        assert fe.RunState.join(ends) == whole.state
    tail = kick.run(wells, x0[300:], 60, seed=6, first_chain=300)
    assert tail.state == whole.state.chains(300, 700)
    every = kick.run(wells, x0, 60, seed=6, thin=7, burn_in=0)
    assert (
        every.state == whole.state
        and every.trace[-1].tobytes() == kick.sample(wells, x0, 56, seed=6).tobytes()
    )


def test_a_run_in_a_file(outside, wells, tmp_path):
    x0, kick = np.zeros((50, 2)), outside.Kick(0.01)
    half = kick.run(wells, x0, 20, seed=1)
    fe.save(tmp_path / "run.npz", half)
    back = fe.load(tmp_path / "run.npz").state
    assert kick.run(wells, back, 20).state == kick.run(wells, x0, 40, seed=1).state


def test_the_state_of_another_sampler_is_refused(outside, wells):
    state = fe.SGLD(0.01).run(wells, np.zeros((5, 2)), 2, seed=1).state
    with pytest.raises(ValueError, match="0 numbers for each chain, but this sampler keeps 2"):
        outside.Kick(0.01).run(wells, state, 2)


def test_divergence_is_an_error(outside, wells):
    x0 = np.full((3, 2), 8.0)
    for n_steps in range(1, 12):
        try:
            outside.Kick(0.5).run(wells, x0, n_steps, seed=1)
        except ValueError as error:
            assert isinstance(error, fe.NonFiniteError) and "diverged under Kick(" in str(error)
            return
    raise AssertionError("it did not diverge")


def test_a_state_that_diverges_alone_is_an_error(outside, wells, data):
    grows, x0 = outside.contract.Grows(), np.zeros((3, 2))
    assert grows.run(wells, x0, 1, seed=1).state.chain_state.tolist() == [[1e200]] * 3
    for use in (grows.run, grows.sample):
        with pytest.raises(fe.NonFiniteError, match=r"chain 5 diverged under Grows\(\)"):
            use(wells, x0, 2, seed=1, first_chain=5)
    with pytest.raises(fe.TrainingError, match="update 1: a chain"):
        fe.ContrastiveDivergence(wells, grows, n_steps=1).fit(data, seed=1)


# ---- training ----


def mean_nll(theta, outside, x):
    """Mean of -log p over x, log Z by the trapezium rule in each feature."""
    total = outside.QuarticWell(2, theta=theta).energy(x).mean()
    for d in (0, 1):
        e = feature(outside, theta, d).energy(GRID)
        total += np.log(np.trapezoid(np.exp(e.min() - e), GRID)) - e.min()
    return total


def trainer(outside, **settings):
    own = {"n_updates": 600, "n_chains": 512, "batch_size": 4000, "learning_rate": 0.05}
    return fe.ContrastiveDivergence(outside.QuarticWell(2), outside.Kick(0.01), **(own | settings))


def test_training_reaches_the_optimum_of_its_family(outside, wells, data):
    # The rule against fastebm's quadrature, in two dimensions.
    here = mean_nll(wells.theta, outside, data) - wells.energy(data).mean()
    assert abs(here - fe.log_partition(wells).value) < 1e-6
    best = optimize.minimize(mean_nll, THETA, args=(outside, data), method="BFGS")
    assert mean_nll(np.zeros(6), outside, data) - best.fun > 0.1
    result = trainer(outside).fit(data, seed=7)
    assert -1e-6 < mean_nll(result.theta, outside, data) - best.fun < 0.01
    assert result.energy.param_names == ("a0", "m0", "t0", "a1", "m1", "t1")


@pytest.mark.parametrize(
    "settings",
    [{}, {"reinit_prob": 0.2}, {"buffer": "fifo", "buffer_size": 2000, "reinit_prob": 0.3}],
    ids=["persistent", "reinit", "fifo"],
)
def test_resumed_to_the_same_bytes(outside, data, tmp_path, settings):
    own = trainer(outside, n_updates=40, **settings)
    whole = own.fit(data, seed=8, diagnose=False, n_threads=1)
    for n_threads in (2, 3, 4):
        other = own.fit(data, seed=8, diagnose=False, n_threads=n_threads)
        assert other.theta.tobytes() == whole.theta.tobytes()
    path = tmp_path / "stopped.npz"
    stop = {"checkpoint": path, "checkpoint_every": 5, "callback": lambda state: state.update == 17}
    own.fit(data, seed=8, diagnose=False, **stop)
    resumed = fe.ContrastiveDivergence.resume(path, data)
    assert resumed.theta.tobytes() == whole.theta.tobytes()
    assert resumed.buffer.states.tobytes() == whole.buffer.states.tobytes()
    assert type(resumed.sampler) is outside.Kick


def test_it_may_not_be_weighted(outside):
    with pytest.raises(ValueError, match="no accept step"):
        trainer(outside, weighting="jarzynski", init="data")


# ---- files and pickles ----


def test_saved_loaded_pickled(outside, wells, tmp_path):
    for value in (
        wells,
        outside.Kick(0.02, friction=2.0, temperature=0.5),
        fe.cycle(outside.Kick(0.1), fe.MALA(0.1)),
    ):
        fe.save(tmp_path / "own.npz", value)
        for other in (fe.load(tmp_path / "own.npz"), pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
            assert type(other) is type(value) and other == value and repr(other) == repr(value)
    assert outside.Kick(0.02) != outside.Kick(0.02, friction=2.0)


def test_a_process_without_the_package(outside, wells, data, folder, tmp_path):
    files = {name: tmp_path / f"{name}.npz" for name in ("energy", "sampler", "result", "checkpoint")}
    result = trainer(outside, n_updates=3).fit(data, seed=1, diagnose=False, checkpoint=files["checkpoint"])
    for name, value in {"energy": wells, "sampler": outside.Kick(0.1), "result": result}.items():
        fe.save(files[name], value)
    script = """
        import sys, fastebm as fe
        for path in sys.argv[1:]:
            try:
                if "checkpoint" in path: fe.ContrastiveDivergence.resume(path, [[0.0, 1.0]])
                else: fe.load(path)
            except fe.ModelFileError as error:
                print(error)
        print("outside_ebm" in sys.modules)
        import outside_ebm
        for path in sys.argv[1:-1]:
            print(type(fe.load(path)).__name__)
        """
    script = re.sub(r"^ {8}", "", script, flags=re.M)
    done = run("-c", script, *files.values(), cwd=folder)
    assert not done.returncode, done.stderr
    *errors, imported = done.stdout.splitlines()[:5]
    assert imported == "False" and done.stdout.splitlines()[5:] == ["QuarticWell", "Kick", "TrainingResult"]
    for path, error in zip(files.values(), errors, strict=True):
        name = (
            "sampler 'outside_ebm.kick.Kick'"
            if path == files["sampler"]
            else "energy 'outside_ebm.quartic.QuarticWell'"
        )
        assert str(path) in error and f"{name}, which is not registered: import the package" in error


def test_demo(folder):
    done = run("-W", "error", "demo.py", "--quick", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the gradients agree" in done.stdout
    assert done.stdout.count("the same bytes: True") == 2
    assert re.findall(r"saved and loaded: (\w+)\(.*\) True", done.stdout) == ["QuarticWell", "Kick"]


# ---- what a package leaves out, and what it is promised ----


def test_what_nobody_wrote_is_named(outside, wells):
    no_gradient, no_steps = outside.contract.NoGradient(), outside.contract.NoSteps()
    for use in (
        lambda: outside.Kick(0.1).sample(no_gradient, np.zeros(3), 2, seed=1),
        lambda: fe.SGLD(0.1).run(no_gradient, np.zeros(3), 2, seed=1),
        lambda: no_gradient.grad([1.0]),
        lambda: no_gradient.laplacian([1.0]),
    ):
        with pytest.raises(
            NotImplementedError, match=r"NoGradient has no grad_block: .*How to add an energy"
        ):
            use()
    with pytest.raises(NotImplementedError, match="NoGradient has no param_grad_block"):
        still = {"n_steps": 0, "global_move": None}
        fe.ContrastiveDivergence(no_gradient, fe.MALA(0.1), **still).fit(np.arange(9.0), seed=1)
    for use in (
        lambda: no_steps.sample(wells, np.zeros((3, 2)), 2, seed=1),
        lambda: fe.cycle(fe.MALA(0.1), no_steps).run(wells, np.zeros((3, 2)), 2, seed=1),
        lambda: fe.ContrastiveDivergence(wells, no_steps).fit(
            np.random.default_rng(0).normal(size=(9, 2)), seed=1
        ),
    ):
        with pytest.raises(NotImplementedError, match=r"NoSteps has no run_block: .*How to add a sampler"):
            use()


def correlations(columns):
    """z of the correlation of every pair of columns."""
    r = np.corrcoef(columns.T)[np.triu_indices(columns.shape[1], 1)]
    return np.abs(r) * np.sqrt(len(columns))


@pytest.mark.parametrize("name", ["Kick", "Draws"])
def test_two_of_a_class_share_no_numbers(outside, name):
    flat = fe.WellMixture.from_mixture([1.0], [0.0], [8.0])
    # With so much friction the momenta are the noise of the last step.
    one = outside.Kick(1e-4, friction=1e6) if name == "Kick" else outside.contract.Draws()
    other = outside.Kick(1e-4, friction=2e6) if name == "Kick" else outside.contract.Draws()
    cycles = (
        fe.cycle(one, other),
        fe.cycle(one, one),
        fe.cycle(fe.cycle(one, other), fe.cycle(one, (other, 3))),
    )
    for cycle in cycles:
        for n_rounds in (0, 1, 2):
            state = cycle.run(flat, np.zeros(20_000), n_rounds, seed=1).state.chain_state
            assert correlations(state).max() < z_limit(20)
    if name == "Kick":
        # Alone in a cycle it draws what it draws without.
        alone = one.run(flat, np.zeros(100), 7, seed=1).state
        assert fe.cycle(one).run(flat, np.zeros(100), 7, seed=1).state == alone
    # Negative control: from the same key the columns are the same.
    again = np.column_stack([one.run(flat, np.zeros(20_000), 1, seed=1).state.chain_state for _ in range(2)])
    assert correlations(again).max() > 100 > Z_LIMIT


def test_what_follows_from_x_and_theta_is_refreshed(outside, data):
    keeps, energy = outside.contract.Remembers(), outside.QuarticWell(1)
    x0 = np.linspace(-1, 1, 700)
    state = keeps.run(energy, x0, 5, seed=1).state
    assert state.chain_state[:, 0].tobytes() == energy.energy(state.x).tobytes()
    # Another theta, another sampler in turn, theta that moves, chains that start afresh.
    keeps.run(outside.QuarticWell(1, theta=[0.1, 0.2, 0.3]), state, 5)
    fe.cycle((keeps, 2), outside.Kick(0.01), (keeps, 3)).run(energy, x0, 5, seed=1)
    x = data[:, 0].copy()
    for settings in ({}, {"reinit_prob": 0.3}, {"buffer": "fifo", "buffer_size": 600, "reinit_prob": 0.3}):
        own = {"n_updates": 20, "n_chains": 300, "learning_rate": 0.01, **settings}
        fe.ContrastiveDivergence(energy, keeps, **own).fit(x, seed=1, diagnose=False)
    # Negative controls: one that does not refresh is found out.
    keeps.forgetful = True
    for use in (
        lambda: keeps.run(outside.QuarticWell(1, theta=[0.1, 0.2, 0.3]), state, 5),
        lambda: fe.cycle((keeps, 2), outside.Kick(0.01)).run(energy, x0, 5, seed=1),
        lambda: fe.ContrastiveDivergence(energy, keeps, n_updates=20).fit(x, seed=1),
    ):
        with pytest.raises(RuntimeError, match="stale"):
            use()
