"""No silent loss: every fault of the zoo is caught, good runs are left alone, and the advice is worth following."""

import pickle

import numpy as np
import pytest
from zoo import CASES, GOOD, LOST, follow, loss

import fastebm as fe


def run(case, seed):
    x = case.data(np.random.default_rng([11, seed]))
    made = case.make(x, seed)
    return x, made, made.fit(x, seed=seed)


def caught(case, seeds):
    """Whether each run that costs more than LOST is warned of, and how many have the case's code."""
    silent, named = [], 0
    for seed in seeds:
        x, _, result = run(case, seed)
        if not result.warnings and loss(result.energy, x, seed) > LOST:
            silent.append(seed)
        named += case.code in {w.code for w in result.warnings}
    return silent, named


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_a_fault_is_caught(case):
    silent, named = caught(case, range(2))
    assert silent == []
    assert case.code is None or named == 2


@pytest.mark.deep
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_a_fault_is_caught_twenty_times(case):
    silent, named = caught(case, range(100, 120))
    assert silent == []
    assert case.code is None or named >= 19


@pytest.mark.parametrize("case", GOOD, ids=lambda c: c.name)
def test_a_good_run_is_left_alone(case):
    for seed in range(5):
        assert run(case, seed)[2].warnings == []


@pytest.mark.deep
@pytest.mark.parametrize("case", GOOD, ids=lambda c: c.name)
def test_two_hundred_good_runs_are_left_alone(case):
    assert [seed for seed in range(100, 300) if run(case, seed)[2].warnings] == []


def followed(case, seed):
    """(loss, warnings) of the first run and after each time that its advice was followed, at most three times."""
    x, made, result = run(case, seed)
    history = [(loss(result.energy, x, seed), result.warnings)]
    while result.warnings and len(history) < 4:
        made = follow(made, result, x, seed)
        result = made.fit(x, seed=seed)
        history.append((loss(result.energy, x, seed), result.warnings))
    return history


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_advice_that_is_followed(case):
    short, warnings = followed(case, 0)[-1]
    assert short < LOST or warnings


@pytest.mark.deep
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_advice_that_is_followed_twenty_times(case):
    ends = [followed(case, seed)[-1] for seed in range(100, 120)]
    assert all(short < LOST or warnings for short, warnings in ends)
    # And it is no empty promise: it leads to the optimum, or says why it cannot, in every run.
    assert sum(short < LOST for short, _ in ends) >= 15


def test_a_warning_that_goes_away_with_the_checks_would_be_seen():
    # Negative control: the same fault, and nobody looks.
    case = CASES[0]
    x, made, result = run(case, 0)
    blind = made.fit(x, seed=0, diagnose=False)
    assert blind.warnings == [] and loss(blind.energy, x) > LOST
    assert blind.not_checked == ["everything: diagnose=False"]
    assert result.warnings


def test_errors_are_heard_once_and_strict_raises():
    x, made, _ = run(CASES[0], 0)
    with pytest.warns(fe.FastEBMWarning, match="nats a row short") as heard:
        result = made.fit(x, seed=0)
    assert len(heard) == 1 and heard[0].filename == __file__
    with pytest.raises(fe.UntrustedFitError, match="nats a row short") as caught_error:
        made.fit(x, seed=0, strict=True)
    assert [w.code for w in caught_error.value.result.warnings] == [w.code for w in result.warnings]
    again = pickle.loads(pickle.dumps(caught_error.value))
    assert (
        again.args == caught_error.value.args and again.result.warnings == caught_error.value.result.warnings
    )
    with pytest.raises(ValueError, match="strict=True"):
        made.fit(x, seed=0, strict=True, diagnose=False)
    good = GOOD[0].data(np.random.default_rng(1))
    assert GOOD[0].make(good, 0).fit(good, seed=0, strict=True).warnings == []
