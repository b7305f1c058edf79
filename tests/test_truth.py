"""The yardstick of the truth table: it counts what is lost, and sees a fit that is made bad on purpose."""

import csv
import io
import sys
from pathlib import Path

import numpy as np
import pytest

import fastebm as fe

pytest.importorskip("sklearn")
sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
from truth import table, yardstick
from truth.scenarios import ALL, Scenario, concentric, separated

SMALL = [
    Scenario("small", "small", 2, 1, 300, 2, separated(2, 1, 300, 6.0), True),
    Scenario("rings", "rings", 2, 1, 300, 1, concentric(300), True, ("em",)),
]


def test_a_run_that_is_interrupted_goes_on(tmp_path):
    path = tmp_path / "truth.csv"
    first = table.full(path, 7, SMALL[:1], show=io.StringIO())
    lines = table.full(path, 7, SMALL, show=io.StringIO())
    assert len(first) == 6 and len(lines) == 7
    assert lines[:6] == [{k: str(v) for k, v in line.items()} for line in first]
    with path.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 7
    text, rst = table.as_text(lines), table.as_rst(lines)
    assert "all with n >= 300" in text and text.splitlines()[-1].split()[5:7] == ["7", "0"]
    assert rst.count("   * -") == 1 + len(table.rows(lines))


def test_a_bad_fit_is_lost_and_silent(monkeypatch):
    # Control: one well on top of the other, and no check.
    def bad(x, k, **kwargs):
        z = (x - x.mean(axis=0)) / x.std(axis=0)
        wells = fe.WellMixture.from_mixture([0.5, 0.5], [[0.0], [0.1]], [[1.0], [1.0]])
        return fe.ScaledWells(wells, x.mean(axis=0), x.std(axis=0)) if len(z) else None

    monkeypatch.setattr(table.fe, "fit_wells", bad)
    counted = table.counts([{k: str(v) for k, v in line.items()} for line in table.run(SMALL[0], 7, ("em",))])
    assert (counted["fits"], counted["lost"], counted["silent"], counted["false"]) == (1, 1, 1, 0)


def test_the_yardstick_finds_the_optimum():
    x, truth = concentric(3000)(np.random.default_rng(1))
    z, scale = (x - x.mean(axis=0)) / x.std(axis=0), x.std(axis=0)
    known = yardstick.best(z, 2, (truth[0], (truth[1] - x.mean(axis=0)) / scale, truth[2] / scale), 1)
    at_truth = (
        fe.WellMixture.from_mixture(truth[0], truth[1], truth[2]).log_prob(x).mean() + np.log(scale).sum()
    )
    assert 0 < known - at_truth < 0.01


def test_the_scenarios():
    assert len({s.name for s in ALL}) == len(ALL)
    for scenario in ALL:
        if scenario.n <= 3000:
            x, truth = scenario.draw(np.random.default_rng(1))
            assert x.shape == (scenario.n, scenario.n_features) and np.isfinite(x).all()
            assert truth is None or truth[1].shape[1] == scenario.n_features
