"""What every sampler promises about a run: the same bytes however it is cut, untouched arguments, clear errors."""

import sys
import threading

import numpy as np
import pytest
from cases import OPEN, SAMPLERS
from numpy.testing import assert_array_equal
from processes import run_script

import fastebm as fe
from fastebm.samplers import driver

deep = pytest.mark.deep
TWO_WELLS = fe.WellMixture(theta=[0.5, -1.0, 0.2, 0.1, 1.2, 0.0, 0.3])


# Every fifth pair in the default profile, so that each energy meets two or three samplers of different kinds and each
# sampler seven or eight energies; what is promised of bytes is held for all of them in the deep one.
PAIRS = [
    pytest.param(
        (sampler, energy), id=f"{sampler.name}-{energy.name}", marks=[] if (2 * i + j) % 5 == 0 else deep
    )
    for i, energy in enumerate(OPEN)
    for j, sampler in enumerate(SAMPLERS)
]
every_pair = pytest.mark.parametrize("pair", PAIRS, indirect=True)


@pytest.fixture(params=[pair for pair in PAIRS if not pair.marks])
def pair(request):
    return request.param


@pytest.fixture
def energy(pair):
    return pair[1].make()


@pytest.fixture
def sampler(pair, energy):
    return pair[0].make(energy.n_features)


@pytest.fixture(params=SAMPLERS, ids=lambda case: case.name)
def sampler_case(request):
    return request.param


@pytest.fixture
def sampler_1d(sampler_case):
    return sampler_case.make(1)


def starts(energy, n, seed=1):
    return np.random.default_rng(seed).uniform(-2, 2, (n, energy.n_features))


# ---- same bytes ----


@every_pair
def test_same_bytes_for_any_number_of_threads(sampler, energy, monkeypatch):
    used = []
    monkeypatch.setattr(
        driver, "submit", lambda f, copies, submit=driver.submit: used.append(copies) or submit(f, copies)
    )
    # Enough chains for several blocks of every energy, enough steps to be worth threads.
    n = 200_000 if isinstance(energy, fe.PythonEnergy) else 6_001
    x0 = starts(energy, n)
    n_steps = 3 if isinstance(energy, fe.PythonEnergy) else 250 if energy.block_size > 64 else 60
    results = [sampler.run(energy, x0, n_steps, seed=5, n_threads=t) for t in (1, 2, 3, 7)]
    for other in results[1:]:
        assert_array_equal(other.x, results[0].x)
        assert (other.acceptance_rate, other.n_clipped) == (results[0].acceptance_rate, results[0].n_clipped)
    assert 1 <= max(used, default=0) <= 6, "no run used a second thread"


@every_pair
def test_same_bytes_for_any_cut_of_a_run(sampler, energy):
    x0 = starts(energy, 300)
    whole = sampler.run(energy, x0, 60, seed=6)
    every = sampler.run(energy, x0, 60, seed=6, thin=1)
    assert every.trace.shape == (60, *x0.shape)
    assert_array_equal(every.trace[-1], whole.x)
    assert_array_equal(every.x, whole.x)
    assert (every.acceptance_rate, every.n_clipped) == (whole.acceptance_rate, whole.n_clipped)
    for thin in (2, 3, 7, 16, 17, 59, 60):
        cut = sampler.run(energy, x0, 60, seed=6, thin=thin)
        assert_array_equal(cut.trace, every.trace[thin - 1 :: thin])
        assert_array_equal(cut.x, whole.x)
        assert_array_equal(sampler.sample(energy, x0, 60, seed=6, thin=thin), cut.trace)
    for n_steps in (1, 2, 15, 16, 17, 33):
        assert_array_equal(sampler.sample(energy, x0, n_steps, seed=6), every.trace[n_steps - 1])


def test_trace_may_be_long(sampler_1d):
    # The length of the pieces of a run must not grow without end where thin cuts them.
    x0 = np.linspace(-1, 1, 8)
    every = sampler_1d.sample(TWO_WELLS, x0, 400, seed=6, thin=1)
    assert_array_equal(every[-1], sampler_1d.sample(TWO_WELLS, x0, 400, seed=6))
    assert_array_equal(every[4::5], sampler_1d.sample(TWO_WELLS, x0, 400, seed=6, thin=5))


@every_pair
def test_chain_does_not_depend_on_the_others(sampler, energy):
    x0 = starts(energy, 700)
    everyone = sampler.sample(energy, x0, 12, seed=7)
    for n in (1, 2, 7, 8, 9, 255, 256, 257, 511, 512, 513):
        assert_array_equal(sampler.sample(energy, x0[:n], 12, seed=7), everyone[:n], err_msg=f"n = {n}")
        # Other starts for the others; chain n - 1 stays.
        moved = x0[::-1].copy()
        moved[n - 1] = x0[n - 1]
        other = sampler.sample(energy, moved, 12, seed=7)
        assert_array_equal(other[n - 1], everyone[n - 1], err_msg=f"n = {n}")


def test_chains_have_noise_of_their_own(sampler, energy):
    x = sampler.sample(energy, np.zeros((600, energy.n_features)), 40, seed=8)
    # Neither at its start nor at a bound.
    moved = x[(x != 0) & (np.abs(x) < 1.5)]
    assert moved.size > 50
    assert len(np.unique(moved)) == moved.size


def test_other_seed_other_chains(sampler, energy):
    x0 = starts(energy, 300)
    a, b = (sampler.sample(energy, x0, 30, seed=s) for s in (1, 2))
    free = (np.abs(a) < 1.5) & (a != x0)
    assert free.sum() > 10
    assert (a[free] != b[free]).all()


# ---- shapes, and arguments left alone ----


def test_start_is_not_modified(sampler, energy):
    x0 = starts(energy, 300)
    before = x0.copy()
    result = sampler.run(energy, x0, 5, seed=1, thin=1)
    assert_array_equal(x0, before)
    for made in (result.x, result.trace):
        assert not np.shares_memory(made, x0)
    assert result.x.flags.writeable and not np.shares_memory(result.x, result.trace)


def test_no_steps_is_a_copy(sampler, energy):
    x0 = starts(energy, 20)
    result = sampler.run(energy, x0, 0, seed=1)
    assert_array_equal(result.x, x0)
    assert not np.shares_memory(result.x, x0)
    assert result.acceptance_rate is None and result.n_clipped == 0 and result.trace is None
    assert_array_equal(sampler.sample(energy, x0, 0), x0)
    assert sampler.sample(energy, x0, 0, thin=3).shape == (0, *x0.shape)


@pytest.mark.parametrize(("n_steps", "thin"), [(10, 1), (10, 3), (10, 10), (10, 11), (3, 1000), (0, 1)])
@pytest.mark.parametrize("n_features", [1, 2])
def test_trace_has_a_state_for_every_thin_steps(sampler_case, n_features, n_steps, thin):
    energy, sampler = fe.WellMixture(2, n_features), sampler_case.make(n_features)
    x0 = starts(energy, 9)
    assert sampler.sample(energy, x0, n_steps, seed=1, thin=thin).shape == (n_steps // thin, *x0.shape)
    if n_features == 1:
        assert sampler.sample(energy, x0[:, 0], n_steps, seed=1, thin=thin).shape == (n_steps // thin, 9)


def test_flat_in_flat_out(sampler_1d):
    energy = TWO_WELLS
    x0 = starts(energy, 300)
    flat = sampler_1d.run(energy, x0[:, 0], 20, seed=3, thin=5)
    column = sampler_1d.run(energy, x0, 20, seed=3, thin=5)
    assert flat.x.shape == (300,) and flat.trace.shape == (4, 300)
    assert_array_equal(flat.x, column.x[:, 0])
    assert_array_equal(flat.trace, column.trace[:, :, 0])


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.astype(np.float32),
        lambda x: x.tolist(),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: np.flip(np.flip(x, 0).copy(), 0),
        lambda x: x.astype(">f8"),
        lambda x: x.astype(np.longdouble),
    ],
    ids=["float32", "list", "Fortran", "strided", "negative stride", "big endian", "long double"],
)
def test_any_real_array_is_a_start(sampler, energy, make):
    # Multiples of 1/8, which float32 holds exactly.
    x0 = np.round(starts(energy, 50) * 8) / 8
    given = make(x0)
    assert_array_equal(sampler.sample(energy, given, 6, seed=1), sampler.sample(energy, x0, 6, seed=1))


def test_integers_and_read_only_arrays(sampler, energy):
    x0 = np.arange(-4, 4).repeat(energy.n_features).reshape(8, -1) // 2
    frozen = x0.astype(float)
    frozen.flags.writeable = False
    expected = sampler.sample(energy, x0.astype(float), 6, seed=1)
    assert_array_equal(sampler.sample(energy, x0, 6, seed=1), expected)
    assert_array_equal(sampler.sample(energy, frozen, 6, seed=1), expected)


# ---- seeds ----


@pytest.mark.parametrize(
    "make",
    [
        lambda: 12,
        lambda: np.int64(12),
        lambda: 0,
        lambda: 2**200,
        lambda: [1, 2, 3],
        lambda: np.random.SeedSequence(4),
        lambda: np.random.SeedSequence(4).spawn(2)[1],
        lambda: np.random.default_rng(4),
    ],
    ids=["int", "int64", "zero", "long", "list", "SeedSequence", "spawned", "Generator"],
)
def test_equal_seeds_give_equal_bytes(make):
    energy, x0 = TWO_WELLS, np.zeros(40)
    a, b = (fe.SGLD(0.1).sample(energy, x0, 5, seed=make()) for _ in range(2))
    assert_array_equal(a, b)
    assert not np.array_equal(a, fe.SGLD(0.1).sample(energy, x0, 5, seed=13))


def test_a_seed_sequence_is_not_used_up_and_a_generator_moves_on():
    energy, x0 = TWO_WELLS, np.zeros(40)
    sequence = np.random.SeedSequence(3)
    first, second = (fe.SGLD(0.1).sample(energy, x0, 5, seed=sequence) for _ in range(2))
    assert_array_equal(first, second)
    assert sequence.n_children_spawned == 0
    rng = np.random.default_rng(3)
    first, second = (fe.SGLD(0.1).sample(energy, x0, 5, seed=rng) for _ in range(2))
    assert not (first == second).any()
    assert_array_equal(
        fe.SGLD(0.1).sample(energy, x0, 5, seed=7),
        fe.SGLD(0.1).sample(energy, x0, 5, seed=np.random.SeedSequence(7)),
    )


def test_no_seed_is_fresh_every_time():
    energy, x0 = TWO_WELLS, np.zeros(40)
    first, second = (fe.SGLD(0.1).sample(energy, x0, 5) for _ in range(2))
    assert not (first == second).any()


# ---- bad input: named, and before anything happens ----

BAD_SEEDS = [
    *(
        (seed, TypeError)
        for seed in (1.5, "1", b"1", True, ..., [], [1.5], {"a": 1}, np.array(1.0), [[1, 2]])
    ),
    (-1, ValueError),
    ([1, -1], ValueError),
]


@pytest.mark.parametrize(("seed", "error"), BAD_SEEDS, ids=repr)
def test_bad_seed(sampler_1d, seed, error):
    with pytest.raises(error, match="seed"):
        sampler_1d.sample(TWO_WELLS, [0.0], 1, seed=seed)


BAD_STARTS = [
    ([], ValueError, "x0 is empty"),
    (np.zeros((0, 1)), ValueError, "x0 is empty"),
    (np.zeros((3, 2)), ValueError, r"x0 must have shape .*\(3, 2\)"),
    (np.zeros((3, 0)), ValueError, "x0 must have shape"),
    (np.zeros((2, 2, 1)), ValueError, r"x0 must have shape .*\(2, 2, 1\)"),
    (1.0, ValueError, r"x0 must have shape .*\(\)"),
    ([0.0, np.nan], ValueError, r"x0\[1\] = nan is not finite"),
    ([[0.0], [np.inf]], ValueError, r"x0\[1, 0\] = inf is not finite"),
    ([-np.inf], ValueError, "not finite"),
    (["a"], TypeError, "x0 must be real numbers"),
    ("abc", TypeError, "x0 must be real numbers"),
    ([1j], TypeError, "x0 must be real numbers"),
    ([None], TypeError, "x0 must be real numbers"),
    (None, TypeError, "x0 must be real numbers"),
    (np.array([1.0, 2.0], dtype=object), TypeError, "x0 must be real numbers"),
    (np.array(["2020"], dtype="datetime64[Y]"), TypeError, "x0 must be real numbers"),
    ([[1.0], [1.0, 2.0]], ValueError, "x0 is not a rectangular array"),
    (np.ma.masked_array([1.0, 2.0], [False, True]), ValueError, "x0 has masked entries"),
]


@pytest.mark.parametrize(("x0", "error", "message"), BAD_STARTS, ids=[repr(v[0])[:30] for v in BAD_STARTS])
def test_bad_start(sampler_1d, x0, error, message):
    with pytest.raises(error, match=message):
        sampler_1d.sample(TWO_WELLS, x0, 1, seed=1)


def test_start_for_another_number_of_features(sampler_case):
    sampler, plane = sampler_case.make(2), fe.WellMixture(3, 2)
    with pytest.raises(ValueError, match=r"x0 must have shape \(n_samples, 2\).*reshape"):
        sampler.sample(plane, [0.0, 0.0], 1)
    with pytest.raises(ValueError, match=r"\(n_samples, 2\), got \(5, 3\)"):
        sampler.sample(plane, np.zeros((5, 3)), 1)


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"n_steps": -1}, ValueError, "n_steps must be at least 0, got -1"),
        ({"n_steps": 1.0}, TypeError, "n_steps must be an integer, got 1.0"),
        ({"n_steps": True}, TypeError, "n_steps"),
        ({"n_steps": None}, TypeError, "n_steps"),
        ({"n_steps": "3"}, TypeError, "n_steps"),
        ({"n_steps": 2**60}, ValueError, "n_steps must be at most"),
        ({"thin": 0}, ValueError, "thin must be at least 1, got 0"),
        ({"thin": -2}, ValueError, "thin"),
        ({"thin": 1.5}, TypeError, "thin"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1, got 0"),
        ({"n_threads": 2.0}, TypeError, "n_threads"),
        ({"n_threads": 10**6}, ValueError, "n_threads must be at most"),
    ],
    ids=repr,
)
def test_bad_numbers(sampler_1d, arguments, error, name):
    x0 = np.zeros(3)
    with pytest.raises(error, match=name):
        sampler_1d.sample(TWO_WELLS, x0, **({"n_steps": 2, "seed": 1} | arguments))
    assert_array_equal(x0, 0.0)


@pytest.mark.parametrize("bad", [None, 3, "two wells", fe.WellMixture, object()])
def test_not_an_energy(sampler_1d, bad):
    for method in (sampler_1d.sample, sampler_1d.run):
        with pytest.raises(TypeError, match="energy"):
            method(bad, [0.0], 1)


@pytest.mark.parametrize("method", ["sample", "run"])
def test_bare_sampler_and_bare_energy_are_refused(sampler_1d, method):
    with pytest.raises(
        TypeError, match=r"^Sampler is abstract; use SGLD, MALA, IndependenceMH or MixtureMH$"
    ):
        getattr(fe.Sampler(), method)(TWO_WELLS, [0.0], 1)
    with pytest.raises(TypeError, match=r"^Energy is not initialised; use a concrete energy and call its"):
        getattr(sampler_1d, method)(fe.Energy(), [0.0], 1)


@pytest.mark.parametrize("cls", [fe.SGLD, fe.MALA])
@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"step_size": 0}, ValueError, "step_size must be greater than 0, got 0"),
        ({"step_size": -0.1}, ValueError, "step_size must be greater than 0, got -0.1"),
        ({"step_size": np.nan}, ValueError, "step_size must be finite"),
        ({"step_size": np.inf}, ValueError, "step_size must be finite"),
        ({"step_size": "0.1"}, TypeError, "step_size"),
        ({"step_size": None}, TypeError, "step_size"),
        ({"step_size": True}, TypeError, "step_size"),
        ({"temperature": 0}, ValueError, "temperature must be greater than 0"),
        ({"temperature": -1}, ValueError, "temperature"),
        ({"temperature": np.nan}, ValueError, "temperature"),
        ({"bounds": (1, 1)}, ValueError, "bounds must have low < high"),
        ({"bounds": (2, 1)}, ValueError, "bounds must have low < high"),
        ({"bounds": (np.nan, 1)}, ValueError, r"bounds\[0\]"),
        ({"bounds": (0, np.inf)}, ValueError, r"bounds\[1\]"),
        ({"bounds": 3}, ValueError, "bounds must be a pair"),
        ({"bounds": (1, 2, 3)}, ValueError, "bounds must be a pair"),
        ({"bounds": ("a", 1)}, TypeError, r"bounds\[0\]"),
    ],
    ids=repr,
)
def test_bad_sampler(cls, arguments, error, name):
    with pytest.raises(error, match=name):
        cls(**({"step_size": 0.1} | arguments))


@pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf])
def test_bad_noise(noise):
    with pytest.raises(ValueError, match="noise_std"):
        fe.SGLD(0.1, noise_std=noise)


def test_bar_without_tqdm_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match="pip install tqdm"):
        fe.SGLD(0.1).sample(TWO_WELLS, [0.0], 1, progress=True)


def test_bar_of_a_notebook_without_widgets_is_silent():
    # In a kernel tqdm.auto warns when it finds no ipywidgets; here that is an error.
    pytest.importorskip("tqdm")
    code = (
        "import sys, types, warnings; warnings.simplefilter('error'); sys.modules['ipywidgets'] = None\n"
        "sys.modules['ipykernel.zmqshell'] = types.ModuleType('zmqshell')\n"
        "ipython = sys.modules['IPython'] = types.ModuleType('IPython'); ipython.get_ipython = lambda: None\n"
        "import fastebm as fe, tqdm\n"
        "fe.SGLD(0.1).sample(fe.WellMixture(), [0.0], 10, seed=1, progress=True)\n"
        "from fastebm._runtime.progress import bar\n"
        "shown = bar(True, 3, 'x'); print(isinstance(shown, tqdm.std.tqdm)); shown.close()\n"
        "warnings.simplefilter('always')\n"
        "[sys.modules.pop(name) for name in ('tqdm.auto', 'tqdm.autonotebook')]\n"
        "with warnings.catch_warnings(record=True) as heard:\n"
        "    import tqdm.auto\n"
        "print(any('IProgress' in str(w.message) for w in heard))\n"
    )
    # The second line: unguarded, the warning is there.
    assert run_script(code).split() == ["True", "True"]


def test_bar_changes_nothing(sampler, energy, capsys):
    pytest.importorskip("tqdm")
    x0 = starts(energy, 300)
    shown = sampler.sample(energy, x0, 30, seed=1, progress=True)
    assert_array_equal(shown, sampler.sample(energy, x0, 30, seed=1))


# ---- divergence and failures ----


def test_divergence_names_the_chain_and_the_cure():
    steep = fe.WellMixture(1, theta=[5.0, 0.0, 0.0, 0.0])
    x0 = np.zeros(600)
    x0[400] = 1e300
    with pytest.raises(fe.NonFiniteError, match=r"chain 400 diverged under SGLD.*smaller step_size"):
        fe.SGLD(0.5, noise_std=0.0).sample(steep, x0, 40, seed=1)
    assert x0[400] == 1e300


class Custom(Exception):
    pass


@pytest.mark.parametrize("n_threads", [1, 4])
def test_exception_in_a_python_energy_arrives_as_itself(sampler_1d, n_threads):
    calls = []

    def fail(X):
        calls.append(len(X))
        # Not in the first call, so that several threads are at work.
        if len(calls) > 2:
            raise Custom("mine")
        return np.zeros(len(X)) if failing == "energy" else X

    # SGLD asks for gradients only.
    plain = isinstance(sampler_1d, fe.Underdamped) and not sampler_1d.metropolis
    failing = "grad" if plain or isinstance(sampler_1d, fe.SGLD) else "energy"
    good = {"energy": lambda X: (X**2).sum(1) / 2, "grad": lambda X: X}
    energy = fe.PythonEnergy(**(good | {failing: fail}))
    x0 = np.zeros(300_000)
    for _ in range(2):
        with pytest.raises(Custom, match="mine"):
            sampler_1d.sample(energy, x0, 3, seed=1, n_threads=n_threads)
    assert_array_equal(x0, 0.0)
    # Nothing is left over from the failure.
    fine = fe.PythonEnergy(**good)
    assert np.isfinite(sampler_1d.sample(fine, x0[:10], 3, seed=1)).all()


# ---- many callers at once ----


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=deep if i % 5 else []) for i, case in enumerate(OPEN)],
)
def test_many_python_threads_at_once(case):
    energy = case.make()
    x0 = starts(energy, 3000)
    samplers = [case.make(energy.n_features) for case in SAMPLERS]
    jobs = [(sampler, seed) for sampler in samplers for seed in range(3)]
    expected = [s.sample(energy, x0, 40, seed=seed, n_threads=1) for s, seed in jobs]
    got = [None] * len(jobs)
    gate = threading.Barrier(len(jobs))

    def work(i):
        gate.wait()
        got[i] = jobs[i][0].sample(energy, x0, 40, seed=jobs[i][1], n_threads=3)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(got, expected, strict=True):
        assert_array_equal(a, b)


# ---- Ctrl-C and memory, each in a process of its own ----


INTERRUPT = """
import numpy as np
import fastebm as fe
from interrupts import ctrl_c

energy = {energy}
sampler = {sampler}
x0 = np.zeros({chains})
# A run of hours; the time limit of this process is its end where no Ctrl-C is felt.
ctrl_c(lambda: sampler.sample(energy, x0, 2**39, seed=1, n_threads={threads}), first=0.3)
print("stopped")
assert (x0 == 0).all()
first = sampler.sample(energy, x0, 5, seed=1, n_threads=1)
assert (first == sampler.sample(energy, x0, 5, seed=1, n_threads={threads})).all()
# No thread goes on working: the process time stands still while this thread sleeps.
import time
time.sleep(0.1)
before = time.process_time()
time.sleep(0.3)
assert time.process_time() - before < 0.15, "a thread is still at work"
"""


@pytest.mark.skipif(
    sys.platform == "win32", reason="SIGINT cannot be sent to a process of its own on Windows"
)
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("sampler", ["fe.SGLD(0.05)", "fe.MALA(0.05)", "fe.IndependenceMH(-3, 3)"])
def test_interrupt_stops_a_long_run(sampler, threads):
    script = INTERRUPT.format(energy="fe.WellMixture()", sampler=sampler, chains=20_000, threads=threads)
    assert run_script(script).strip() == "stopped"


@pytest.mark.skipif(
    sys.platform == "win32", reason="SIGINT cannot be sent to a process of its own on Windows"
)
def test_interrupt_stops_a_python_energy():
    energy = "fe.PythonEnergy(lambda X: (X**2).sum(1) / 2, lambda X: X)"
    script = INTERRUPT.format(energy=energy, sampler="fe.MALA(0.05)", chains=70_000, threads=2)
    assert run_script(script).strip() == "stopped"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
@pytest.mark.parametrize("sampler", ["fe.SGLD(0.05)", "fe.MALA(0.05)"])
def test_memory_is_the_start_and_the_result(sampler):
    script = f"""
        import resource, sys
        import numpy as np
        import fastebm as fe

        unit = 1 if sys.platform == "darwin" else 1024
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        fe.WellMixture().energy([0.0])
        fe.MALA(0.1).sample(fe.WellMixture(), np.zeros(5000), 300, n_threads=2)
        x0 = np.full(20_000_000, 0.5)
        before = peak()
        x = {sampler}.sample(fe.WellMixture(), x0, 1, seed=1, n_threads=2)
        print(peak() - before, x.nbytes)
        """
    more, result = map(int, run_script(script).split())
    assert more <= 1.1 * result + 16 * 2**20
