"""Exceptions keep what they know through pickle; half-made objects are refused; failures reach their own caller."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastebm as fe
from fastebm.partition.log_partition import log_partition

X = fe.WellMixture.from_mixture([0.5, 0.5], [-2.0, 2.0], [0.5, 0.5]).exact_sample(400, seed=1)


def training_error():
    trainer = fe.ContrastiveDivergence(
        fe.WellMixture(), sampler=fe.SGLD(1e200), global_move=None, n_updates=5
    )
    with pytest.raises(fe.TrainingError) as caught:
        trainer.fit(X, seed=1)
    return caught.value


def training_interrupted():
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(fe.TrainingInterrupted) as caught:
        fe.ContrastiveDivergence(fe.WellMixture(), n_updates=5).fit(X, seed=1, callback=stop)
    return caught.value


def untrusted_estimate():
    # Ten features with far and narrow wells: a few annealing steps cannot follow.
    energy = fe.WellMixture.from_mixture([0.5, 0.5], [[-9.0] * 10, [9.0] * 10], [[0.1] * 10] * 2)
    estimate = log_partition(
        energy, "ais", X=energy.exact_sample(200, seed=1), n_steps=2, n_chains=50, seed=1
    )
    with pytest.raises(fe.UntrustedEstimateError) as caught:
        float(estimate.value)
    return caught.value


def same(a, b):
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, fe.TrainingResult):
        fields = ("energy", "theta", "history", "sampler", "acceptance_rate", "warnings")
        return all(same(getattr(a, f), getattr(b, f)) for f in fields) and same(a.buffer, b.buffer)
    if isinstance(a, fe.SampleResult):
        return all(
            same(getattr(a, f), getattr(b, f)) for f in ("x", "trace", "acceptance_rate", "every", "sampler")
        )
    if isinstance(a, fe.ReplayBuffer):
        return np.array_equal(a.states, b.states)
    return a == b


def sampling_interrupted():
    result = fe.MALA(0.1).run(fe.DoubleWell(1), [1.0, -1.0], 20, seed=1, thin=5)
    return fe.SamplingInterrupted("interrupted after 20 steps", result, 20)


def certificate_interrupted():
    return fe.CertificateInterrupted("interrupted in the reverse runs", untrusted_estimate().estimate)


@pytest.mark.parametrize(
    "make",
    [training_error, training_interrupted, untrusted_estimate, sampling_interrupted, certificate_interrupted],
)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(make, protocol):
    error = make()
    error.add_note("seen in worker 3")
    copy = pickle.loads(pickle.dumps(error, protocol))
    assert type(copy) is type(error) and str(copy) == str(error) and copy.args == error.args
    assert copy.__dict__.keys() == error.__dict__.keys() and len(copy.__dict__) > 1
    for name, value in error.__dict__.items():
        assert same(value, getattr(copy, name)), name


def test_every_exception_of_the_package_can_be_pickled():
    carriers = {
        fe.CertificateInterrupted,
        fe.SamplingInterrupted,
        fe.TrainingError,
        fe.TrainingInterrupted,
        fe.UntrustedEstimateError,
        fe.UntrustedFitError,
    }
    for name in fe.__all__:
        cls = getattr(fe, name)
        if isinstance(cls, type) and issubclass(cls, BaseException) and cls not in carriers:
            copy = pickle.loads(pickle.dumps(cls("text")))
            assert type(copy) is cls and copy.args == ("text",)


# ---- objects whose constructor has not run, or runs twice ----

SAMPLERS = {
    fe.SGLD: (0.1,),
    fe.MALA: (0.1,),
    fe.IndependenceMH: (-1, 1),
    fe.MixtureMH: ([1.0], [[0.0]], [[1.0]]),
}


@pytest.mark.parametrize("cls", SAMPLERS)
def test_a_sampler_without_its_constructor_is_refused(cls):
    empty = cls.__new__(cls)
    for use in (
        lambda: empty.sample(fe.WellMixture(), [0.0], 3),
        lambda: fe.ContrastiveDivergence(fe.WellMixture(), sampler=empty),
        lambda: fe.diagnose(fe.WellMixture(), sampler=empty),
    ):
        with pytest.raises(TypeError, match=f"{cls.__name__} is not initialised"):
            use()
    assert cls(*SAMPLERS[cls]).sample(fe.WellMixture(), [0.0], 3).shape == (1,)


def test_the_abstract_sampler_says_so():
    for use in (
        lambda: fe.Sampler().sample(fe.WellMixture(), [0.0], 3),
        lambda: fe.ContrastiveDivergence(fe.WellMixture(), sampler=fe.Sampler()),
    ):
        with pytest.raises(TypeError, match="Sampler is abstract; use SGLD"):
            use()


@pytest.mark.parametrize("cls", [fe.IndependenceMH, fe.MixtureMH])
def test_a_second_constructor_call_changes_nothing(cls):
    sampler = cls(*SAMPLERS[cls])
    before = repr(sampler)
    with pytest.raises(TypeError, match="already initialised"):
        sampler.__init__(*SAMPLERS[cls], temperature=2.0)
    assert repr(sampler) == before


def test_wells_whose_theta_was_refused_are_those_of_theta_zero():
    wells = fe.WellMixture.__new__(fe.WellMixture)
    with pytest.raises(ValueError, match="theta"):
        wells.__init__(3, 2, theta=[1.0])
    x = np.random.default_rng(1).normal(size=(50, 2))
    assert np.array_equal(wells.energy(x), fe.WellMixture(3, 2, theta=np.zeros(16)).energy(x))


# ---- two runs that fail at once ----


def test_each_of_two_failing_runs_gets_its_own_exception():
    def refuse(X):
        raise LookupError(X[0, 0])

    energy = fe.PythonEnergy(refuse, refuse)
    start = threading.Barrier(2)

    def run(number, fail):
        start.wait(60)
        with pytest.raises(LookupError) as caught:
            fail(number)
        return caught.value.args[0]

    ways = (
        lambda v: energy.energy([v]),
        lambda v: fe.SGLD(0.1).sample(energy, [v], 2, n_threads=1),
        lambda v: fe.MALA(0.1).sample(energy, np.full(200_000, v), 2, n_threads=2),
    )
    with ThreadPoolExecutor(2) as pool:
        for way in ways:
            for _ in range(30):
                both = [pool.submit(run, v, way) for v in (1.0, 2.0)]
                assert [f.result() for f in both] == [1.0, 2.0]
    assert energy.take_failure() is None


# ---- Ctrl-C within one long update ----


class Bar:
    """A progress bar on which Ctrl-C is pressed at its n-th turn; a turn comes when 50 ms have passed."""

    def __init__(self, turn):
        self.left = turn

    def update(self, _):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def close(self):
        pass


@pytest.mark.parametrize("turn", [1, 3])
@pytest.mark.parametrize("weighting", ["none", "jarzynski"])
def test_interrupt_within_one_update(monkeypatch, turn, weighting):
    # Without sampler steps, nearly all of the time goes into the means; there is no second update to look before.
    rng = np.random.default_rng(1)
    n = 200_000
    options = (
        {"batch_size": None, "n_chains": n} if weighting == "none" else {"batch_size": 64, "n_chains": n}
    )
    trainer = fe.ContrastiveDivergence(
        fe.WellMixture(600), sampler=fe.MALA(0.01), global_move=None, n_steps=0, n_updates=1, weighting=weighting,
        **options,
    )  # fmt: skip
    before = trainer.energy.theta
    monkeypatch.setattr("fastebm.training.run.bar", lambda *_: Bar(turn))
    with pytest.raises(fe.TrainingInterrupted, match="interrupted in update 0") as caught:
        trainer.fit(rng.normal(size=n), seed=1, progress=True)
    result = caught.value.result
    assert len(result.history) == 0
    assert np.array_equal(result.theta, before) and not result.log_weights.any()
