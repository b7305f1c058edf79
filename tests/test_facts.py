"""The checks ask energies and samplers for facts, never for their class."""

import copy
import dataclasses
import importlib
from types import SimpleNamespace

import numpy as np
import pytest

import fastebm as fe
from fastebm.diagnostics import advice, arrival, mixing, population, temperature, traces, training
from fastebm.diagnostics.population import Population, thetas

# The name in the room is that of the function.
diagnose = importlib.import_module("fastebm.diagnostics.diagnose")

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
X = TRUTH.exact_sample(2400, seed=20_001)


class Stranger:
    """Says of itself what a WellMixture says, and is none."""

    def __init__(self, wells):
        self.wells = wells

    def __getattr__(self, name):
        return getattr(self.wells, name)

    def __copy__(self):
        return Stranger(copy.copy(self.wells))

    theta = property(lambda self: self.wells.theta, lambda self, value: setattr(self.wells, "theta", value))


def silent(wells):
    """The same density, of which nothing is known."""
    return fe.PythonEnergy(wells.energy, wells.grad, wells.n_features, laplacian=wells.laplacian)


def codes(warnings):
    return [w.code for w in warnings]


def judge(energy, wells, sampler, x0, n_steps=20):
    """What is said of chains that the sampler runs on the wells, if their density is said to be that energy."""
    rng = np.random.default_rng(1)
    run = population.from_chains(wells, sampler, None, x0, n_steps, 0, rng, life=5.0, fresh=0.3)
    rate = sampler.run(wells, x0, n_steps, seed=1).acceptance_rate
    x = wells.exact_sample(2000, seed=3)
    return (
        mixing.step_too_big(energy, sampler, x, rng)
        + mixing.divergence(energy, sampler, x0, rng, rate)
        + diagnose._of_chains(dataclasses.replace(run, energy=energy))
    )


THREE = fe.WellMixture.from_mixture([0.5, 0.3, 0.2], [[-3, 0], [0, 2], [3, 0]], np.full((3, 2), 0.5))
# Wells, sampler, starts, and what must be said.
RUNS = {
    "good": (TRUTH, fe.IndependenceMH(-6, 6), TRUTH.exact_sample(500, seed=2), set()),
    "one mode": (TRUTH, fe.MALA(0.05), np.full((500, 1), -2.0), {"mode_imbalance"}),
    "three modes": (THREE, fe.MALA(0.05), THREE.exact_sample(500, seed=2), {"mode_weights_not_identified"}),
    "overshoot": (TRUTH, fe.SGLD(0.3), TRUTH.exact_sample(500, seed=2), {"divergence"}),
    "wide noise": (TRUTH, fe.SGLD(0.15), TRUTH.exact_sample(500, seed=2), {"step_too_big"}),
    "hardly accepted": (TRUTH, fe.MALA(3.0), TRUTH.exact_sample(500, seed=2), {"acceptance"}),
    "box": (TRUTH, fe.MALA(0.05, bounds=(-2.5, 2.5)), np.linspace(-2, 2, 500)[:, None], {"edge"}),
    "slow": (TRUTH, fe.MALA(0.001), TRUTH.exact_sample(500, seed=2), {"too_few_steps"}),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_stranger_with_the_facts_of_wells_is_judged_as_wells(name):
    wells, sampler, x0, wanted = RUNS[name]
    told, same = judge(wells, wells, sampler, x0), judge(Stranger(wells), wells, sampler, x0)
    assert wanted <= set(codes(told)) and told == same


def test_what_is_seen_by_the_facts_alone():
    # Negative control of the test above: where nothing is known some of its runs are judged differently.
    for name in ("one mode", "box", "slow"):
        wells, sampler, x0, _ = RUNS[name]
        assert judge(silent(wells), wells, sampler, x0) != judge(wells, wells, sampler, x0)


@pytest.mark.parametrize(
    ("x", "changes", "code"),
    [
        (X, {}, None),
        (X, {"learning_rate": 0.016, "n_updates": 200}, "under_training"),
        (0.02 * X, {"n_updates": 100}, "scale"),
        (0.02 * X, {"n_updates": 800}, "at_bound"),
    ],
    ids=["good", "short", "narrow", "beyond its limits"],
)
def test_a_trained_stranger(x, changes, code):
    result = fe.ContrastiveDivergence(fe.WellMixture(), **changes).fit(x, seed=1)
    other = dataclasses.replace(result, energy=Stranger(result.energy))
    chains = population.from_result(result, np.random.default_rng(1))
    told = [
        training.scale(r.energy, x)
        + training.at_bound(r)
        + arrival.arrived(
            r, x, dataclasses.replace(chains, energy=r.energy), None, np.random.default_rng(2)
        )[0]
        for r in (result, other)
    ]  # fmt: skip
    assert told[0] == told[1]
    assert told[0] == [] if code is None else code in codes(told[0])


def test_one_mode_or_none_known():
    bell = fe.WellMixture(1, 3)
    x = bell.exact_sample(1000, seed=1)
    for energy in (bell, silent(bell)):
        assert fe.diagnose(energy, x, sampler=fe.MALA(0.05), x0=x[:500], n_steps=50) == []
        # Chains far from it are seen all the same.
        far = fe.diagnose(energy, x, sampler=fe.MALA(0.05), x0=x[:500] + 5, n_steps=1)
        assert "too_few_steps" in codes(far)
    assert [mixing.n_groups(e) for e in (bell, silent(bell), THREE)] == [1, 2, 3]


# ---- limits of theta ----


class Limited:
    """A normal law with its log precision, without effect beyond 2; its mode may be known."""

    param_names = ("log_precision",)
    theta_limits = np.array([-2.0]), np.array([2.0])

    def __init__(self, known, theta):
        self.known, self.theta = known, theta

    @property
    def modes(self):
        return np.zeros((1, 1)) if self.known else None

    @property
    def mode_scales(self):
        return np.exp(-0.5 * np.clip(self.theta, -2, 2))[None]


@pytest.mark.parametrize(
    ("known", "value", "says"),
    [
        (True, 2.5, "collapsing"),
        (True, -2.5, "wider than"),
        (False, 2.5, "the range in which it acts"),
        (True, 1.9, None),
    ],
)
def test_a_parameter_without_effect(known, value, says):
    theta, free = np.array([value]), (np.array([-1e300]), np.array([1e300]))
    energy = Limited(known, np.zeros(1))
    found = training.at_bound(
        SimpleNamespace(energy=energy, theta=theta, history=[], settings={"theta_bounds": free})
    )
    assert bool(found) == (says is not None)
    for w in found:
        assert says in w.meaning and "log_precision" in w.meaning
        assert w.value == value and w.threshold == 2.0 * np.sign(value)
        assert ("a mode is" in w.meaning) == known and ("theta_bounds" in w.advice) == (not known)


# ---- samplers ----


class Facts(fe.MALA):
    """A sampler whose facts are those of a cycle of several, given by hand."""

    adjusted = False
    exact_at = None
    temperature = None
    intended_temperature = 1.0


def test_a_sampler_that_is_not_adjusted_and_has_no_temperature():
    odd = Facts(0.05)
    assert temperature.before(odd) == [] == mixing.step_too_big(TRUTH, odd, 0.1 * X, np.random.default_rng(1))
    assert fe.diagnose(TRUTH, X, sampler=odd, x0=X[:500], n_steps=50) == []
    # A large step of such a cycle is judged as one without an accept step.
    (w,) = mixing.divergence(TRUTH, Facts(0.5), X, np.random.default_rng(1), 0.01)
    assert w.code == "divergence" and w.severity == "error"


def test_noise_without_an_accept_step_is_looked_at_whatever_the_sampler():
    class Cold(Facts):
        temperature = 0.1

    assert codes(temperature.before(Cold(0.05))) == ["temperature"]
    assert temperature.noise_variance(Cold(0.05)) == pytest.approx(0.01)
    wide = {
        s: mixing.step_too_big(TRUTH, s(5.0), X, np.random.default_rng(1)) for s in (Cold, fe.SGLD, fe.MALA)
    }
    assert codes(wide[Cold]) == codes(wide[fe.SGLD]) == ["step_too_big"] and wide[fe.MALA] == []


def test_noise_is_compared_with_what_was_asked_for():
    assert temperature.before(fe.SGLD(0.05, temperature=0.1, noise_std=0.1)) == []
    assert codes(temperature.before(fe.SGLD(0.05, noise_std=0.1))) == ["temperature"]


def test_a_global_move_as_the_only_sampler():
    # A poor one accepts little, which is no reason to ask for a smaller step size that it has not.
    wide = fe.IndependenceMH(-60, 60)
    result = fe.ContrastiveDivergence(fe.WellMixture(), wide, n_steps=50, n_updates=400).fit(X, seed=1)
    assert result.acceptance_rate < 0.1
    assert not {"acceptance", "divergence", "step_too_big", "temperature"} & set(codes(result.warnings))
    assert mixing.divergence(TRUTH, fe.MALA(0.01), X, np.random.default_rng(1), 0.05)[0].code == "acceptance"


def test_advice_asks_for_an_accept_step_only_where_there_is_none():
    settings = {"n_global": 1, "reinit_prob": 0.0, "buffer": "persistent"}
    move = fe.IndependenceMH(-5, 5)
    assert advice.to_follow(settings, Facts(0.1), move) == "use MALA"
    for exact in (fe.MALA(0.1), move, fe.MixtureMH([1.0], [[0.0]], [[1.0]])):
        assert "MALA" not in advice.to_follow(settings, exact, move)
    for warm in (fe.MALA(0.1, temperature=2.0), fe.IndependenceMH(-5, 5, temperature=2.0)):
        assert "temperature" in advice.to_follow(settings, warm, move)


def test_relaxation_of_a_sampler_without_step_size():
    x = np.zeros((4, 1))
    run = Population(TRUTH, fe.IndependenceMH(-5, 5), None, 10, x, x[None], 4, None, 0.0)
    assert mixing._slowest_rate(run) == np.inf


# ---- the trace of theta ----


def thinned(result, every):
    """The result of a trainer that keeps some thetas only: every so many, and the last."""
    steps = np.unique(np.append(np.arange(0, len(result.history), every), len(result.history) - 1))
    fields = {f.name: getattr(result, f.name) for f in dataclasses.fields(fe.TrainingResult)}
    fields["history"] = result.history[["step", "energy_data", "energy_model", "energy_gap"]]
    more = {"theta_steps": steps, "theta_trace": result.history["theta"][steps]}
    return type("Thinned", (fe.TrainingResult,), more)(**fields)


TRAINED = {
    "good": {},
    "short": {"learning_rate": 0.016, "n_updates": 200},
    "biased": {"reinit_prob": 0.3, "global_move": None},
    "clamped": {"theta_bounds": (-1.0, 1.0)},
}


@pytest.mark.parametrize("every", [1, 7, 40])
@pytest.mark.parametrize("name", TRAINED)
def test_a_thinned_trace_says_the_same(name, every):
    result = fe.ContrastiveDivergence(fe.WellMixture(), **TRAINED[name]).fit(X, seed=1)
    assert (name == "good") == (result.warnings == [])
    assert codes(fe.diagnose(thinned(result, every), X)) == codes(result.warnings)


def test_drift_on_a_thinned_trace():
    result = fe.ContrastiveDivergence.notebook().fit(X, seed=1)
    assert "drift" in codes(result.warnings)
    assert "drift" in codes(fe.diagnose(thinned(result, 10), X))


@pytest.mark.parametrize("every", [1, 3, 11, 50])
def test_the_trainers_own_gradient_of_a_straight_path(every):
    n, rate, slope = 103, 0.1, np.array([1.0, -2.0])
    steps = np.unique(np.append(np.arange(0, n, every), n - 1))
    result = SimpleNamespace(
        history=np.zeros(n), theta_steps=steps, theta_trace=-rate * slope * steps[:, None],
        settings={"optimizer": "sgd", "learning_rate": rate},
    )  # fmt: skip
    np.testing.assert_allclose(arrival._own_gradient(result), slope, rtol=1e-12)
    assert arrival._own_gradient(SimpleNamespace(**vars(result) | {"theta_trace": result.theta_trace[-1:],
                                                                    "theta_steps": steps[-1:]})) is None  # fmt: skip


@pytest.mark.parametrize("more", [{"schedule": "linear"}, {"schedule": "cosine"}, {"warm_up": 100}, {}])
def test_a_changing_learning_rate_is_no_small_gradient(more):
    # A constant gradient under falling or rising rates: what counts is how far each update could go.
    n = 100
    rates = {
        "linear": 0.1 * (1 - np.arange(n) / n),
        "cosine": 0.05 * (1 + np.cos(np.pi * np.arange(n) / n)),
        None: 0.001 * (1 + np.arange(n)) if more else np.full(n, 0.1),
    }[more.get("schedule")]
    theta = -np.append(0.0, np.cumsum(rates))[:n, None]
    result = SimpleNamespace(
        history=np.zeros(n), theta_steps=np.arange(n), theta_trace=theta,
        settings={"optimizer": "sgd", "learning_rate": 0.1, **more},
    )  # fmt: skip
    np.testing.assert_allclose(arrival._own_gradient(result), 1.0, rtol=1e-9)


def test_the_last_fifth_is_one_of_updates_not_of_kept_rows():
    steps = np.r_[0:90:10, 90:100]
    theta = np.minimum(steps, 90.0)[:, None]
    settings = {"optimizer": "sgd", "learning_rate": 1.0}
    result = SimpleNamespace(history=np.zeros(100), theta_steps=steps, theta_trace=theta, settings=settings)
    np.testing.assert_allclose(arrival._own_gradient(result), -10 / 19)


def test_the_trend_of_a_run_that_gets_worse():
    # One well that moves away from the data by 0.01 an update; its energy is the square of the distance.
    n = 100
    theta = np.zeros((n, 4))
    theta[:, 1] = 0.01 * np.arange(n)
    well = fe.WellMixture(1)
    x = well.exact_sample(4000, seed=1)
    for every in (1, 5):
        steps = np.unique(np.append(np.arange(0, n, every), n - 1))
        result = SimpleNamespace(
            energy=well, history=np.zeros(n), theta_steps=steps, theta_trace=theta[steps]
        )
        last, before = (theta[a:b][:, 1].mean() for a, b in ((80, 100), (60, 80)))
        wanted = (last - x.mean()) ** 2 - (before - x.mean()) ** 2
        # The ends of a fifth are known to within the distance of two kept rows, 5 of 20 updates.
        assert arrival._trend(result, x, None)[0] == pytest.approx(wanted, rel=1e-9 if every == 1 else 0.25)
    few = SimpleNamespace(**vars(result) | {"theta_steps": steps[-1:], "theta_trace": theta[-1:]})
    assert arrival._trend(few, x, None) is None


def test_where_the_trace_comes_from():
    result = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=12).fit(X, seed=1)
    steps, rows = thetas(thinned(result, 5))
    assert steps.tolist() == [0, 5, 10, 11]
    np.testing.assert_array_equal(rows, result.history["theta"][steps])


# ---- the door ----


def test_data_are_checked_once(monkeypatch):
    result = fe.ContrastiveDivergence(fe.WellMixture()).fit(X, seed=1, diagnose=False)
    seen = []
    monkeypatch.setattr(diagnose, "samples", lambda *a: seen.append(a) or (_ for _ in ()).throw(ValueError))
    assert diagnose.after_fit(result, X) == ([], [])
    assert not seen
    with pytest.raises(ValueError):
        fe.diagnose(result, X)


def test_bad_data_at_the_door_stop_before_the_chains_run():
    for subject in (TRUTH, fe.ContrastiveDivergence(fe.WellMixture(), n_updates=1).fit(X, seed=1)):
        with pytest.raises(ValueError, match=r"X_val must have shape"):
            fe.diagnose(subject, X, X_val=np.zeros((3, 2)))
        with pytest.raises(ValueError, match="not finite"):
            fe.diagnose(subject, [np.nan, 1.0])
    with pytest.raises(TypeError, match="not initialised"):
        fe.diagnose(fe.WellMixture.__new__(fe.WellMixture))


# ---- modes of a trace ----


def test_modes_of_any_energy_that_knows_them(monkeypatch):
    monkeypatch.setattr(traces, "as_energy", lambda value, name: value)
    trace = THREE.exact_sample(600, seed=1).reshape(30, 20, 2)
    for count in (fe.mode_occupancy, fe.barrier_crossings):
        np.testing.assert_array_equal(count(trace, Stranger(THREE)), count(trace, THREE))
    # Wells of one width are the nearest centres, weights apart.
    even = fe.WellMixture.from_mixture([0.5, 0.5], [-1.0, 1.0], [0.5, 0.5])
    flat = even.exact_sample(600, seed=1).reshape(30, 20)
    np.testing.assert_array_equal(
        fe.barrier_crossings(flat, even), fe.barrier_crossings(flat, [[-1.0], [1.0]])
    )
    with pytest.raises(TypeError, match="knows its modes"):
        fe.mode_occupancy(flat, silent(even))


@pytest.mark.parametrize("modes", [fe.WellMixture(), [[-1.0], [1.0]], fe.WellMixture(2, 3)])
def test_a_trace_of_another_dimension(modes):
    with pytest.raises(ValueError, match="but modes have"):
        fe.mode_occupancy(np.zeros((5, 4, 2)), modes)
