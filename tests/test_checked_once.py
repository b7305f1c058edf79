"""Data are checked at the door and trusted from there on: every public call checks its X exactly once."""

from __future__ import annotations

import inspect
import sys

import numpy as np
import pytest

import fastebm as fe
from fastebm._runtime import check
from fastebm.fitting.selection import select_n_wells
from fastebm.mixtures.em import maximum_likelihood_wells

TRUTH = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 2.0]], [[0.5, 0.6], [0.7, 0.4]])
X = TRUTH.exact_sample(203, seed=1)
X4 = np.hstack([X, TRUTH.exact_sample(203, seed=2)])
SAMPLES = check.samples.__code__
QUICK = {"n_updates": 12, "n_chains": 16}


class Checks:
    """Counts the checks of what is called X, and of the rows of x, of parts of them, and of both in standard units."""

    def __init__(self, monkeypatch, x):
        self.known = {row.tobytes() for units in (x, (x - x.mean(axis=0)) / x.std(axis=0)) for row in units}
        self.found = []
        # An energy is its own door: what evaluates it on rows asks it, as a user would.
        modules = [
            module
            for name, module in list(sys.modules.items())
            if name.startswith("fastebm.") and not name.startswith("fastebm.energies")
        ]
        for function in (check.samples, check.numeric):
            for module in modules:
                if getattr(module, function.__name__, None) is function:
                    monkeypatch.setattr(module, function.__name__, self._counting(function))

    def _counting(self, function):
        names = inspect.signature(function)

        def counted(value, *args, **kwargs):
            bound = names.bind(value, *args, **kwargs)
            bound.apply_defaults()
            # samples calls numeric: one check.
            caller = sys._getframe(1).f_code
            if caller is not SAMPLES and (bound.arguments["name"] == "X" or self.is_data(value)):
                self.found.append(caller.co_qualname)
            return function(value, *args, **kwargs)

        return counted

    def is_data(self, value):
        rows = np.asarray(value)
        return (
            rows.dtype.kind == "f"
            and rows.ndim == 2
            and len(rows) > 0
            and all(row.tobytes() in self.known for row in rows)
        )


@pytest.fixture
def checks(monkeypatch):
    # Everything is loaded before the functions are replaced.
    fe.EnergyDensity, fe.diagnose, fe.fit_wells  # noqa: B018
    made = {}

    def counting(x):
        made["one"] = Checks(monkeypatch, x)
        return made["one"].found

    return counting


@pytest.mark.parametrize(("recipe", "x"), [("em", X), ("contrastive", X), ("auto", X), ("auto", X4)])
def test_fit_wells(checks, recipe, x):
    found = checks(x)
    fe.fit_wells(x, 2, recipe=recipe, seed=1, **QUICK)
    assert len(found) == 1, found


@pytest.mark.parametrize("recipe", ["em", "contrastive"])
def test_select_n_wells(checks, recipe):
    found = checks(X)
    select_n_wells(X, max_wells=2, n_folds=2, recipe=recipe, seed=1, **QUICK)
    assert len(found) == 1, found


@pytest.mark.parametrize("diagnose", [False, True])
def test_training(checks, diagnose):
    found = checks(X)
    fe.ContrastiveDivergence(fe.WellMixture(2, 2), **QUICK).fit(X, seed=1, diagnose=diagnose)
    assert len(found) == 1, found


@pytest.mark.parametrize("start", [fe.initial_wells, maximum_likelihood_wells])
def test_starts(checks, start):
    found = checks(X)
    start(X, 2, seed=1)
    assert len(found) == 1, found


@pytest.mark.parametrize("n_wells", [2, "auto"])
@pytest.mark.parametrize("recipe", ["em", "contrastive"])
def test_the_estimator(checks, monkeypatch, n_wells, recipe):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    from fastebm import estimator

    found = checks(X)
    validate = estimator.validate_data

    def counted(*args, **kwargs):
        found.append("validate_data")
        return validate(*args, **kwargs)

    monkeypatch.setattr(estimator, "validate_data", counted)
    density = fe.EnergyDensity(n_wells, recipe=recipe, max_wells=2, n_folds=2, random_state=0, **QUICK)
    density.fit(X)
    assert found == ["validate_data"]
    density.score_samples(X)
    assert found == ["validate_data"] * 2


def test_a_second_check_is_counted(checks):
    found = checks(X)
    fe.initial_wells(X, 2, seed=1)
    fe.initial_wells((X - X.mean(axis=0)) / X.std(axis=0), 2, seed=1)
    fe.initial_wells(X[::2], 2, seed=1)
    fe.initial_wells(X + 1.0, 2, seed=1)
    assert found == ["rows"] * 4
    check.samples(X[:3], 2, "other")
    check.samples(X[:3] + 1.0, 2, "other")
    assert len(found) == 5
