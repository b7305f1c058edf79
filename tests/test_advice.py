"""The advice of a warning never asks for what the run already did, and following it helps."""

import re

import numpy as np
import pytest

import fastebm as fe
from fastebm.diagnostics import advice
from fastebm.diagnostics.population import Population

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
X = TRUTH.exact_sample(1000, seed=1)
SETTINGS = {
    "buffer": "persistent",
    "reinit_prob": 0.0,
    "weighting": "none",
    "n_global": 1,
    "n_updates": 60,
}
GLOBAL = fe.IndependenceMH(-5, 5)


def population(global_move=GLOBAL, sampler=None, **changes):
    settings = None if changes.get("outside") else SETTINGS | changes
    x = np.zeros((4, 1))
    return Population(TRUTH, sampler or fe.MALA(0.05), global_move, 10, x, x[None], 4, 60.0, 0.0, settings)


def found(result, code):
    return next((w for w in result.warnings if w.code == code), None)


def fit(**changes):
    return fe.ContrastiveDivergence(fe.WellMixture(), **changes).fit(X, seed=1)


def test_a_short_run_with_the_global_move_on_is_told_to_run_longer():
    short = fit(n_updates=20)
    warning = found(short, "mode_weights_not_identified")
    assert warning and "global_move='auto'" not in warning.advice and "is on" in warning.advice
    # The figure it names is enough.
    n = int(re.search(r"n_updates=(\d+)", warning.advice).group(1))
    assert 20 < n < 400
    assert found(fit(n_updates=n), "mode_weights_not_identified") is None
    # In 20 rounds no global move makes 10 changes of every chain.
    assert "n_global" not in warning.advice


def test_a_poor_global_move_is_to_be_used_more_often():
    wide = {"global_move": fe.IndependenceMH(-40, 40), "n_updates": 200}
    warning = found(fit(**wide), "mode_weights_not_identified")
    m = int(re.search(r"n_global=(\d+)", warning.advice).group(1))
    assert 1 < m < 20
    assert found(fit(**wide, n_global=m), "mode_weights_not_identified") is None


def test_a_run_without_the_global_move_is_told_to_add_it():
    for changes in ({"global_move": None}, {"n_global": 0}):
        warning = found(fit(n_updates=200, **changes), "mode_weights_not_identified")
        assert "global_move='auto'" in warning.advice and "n_global=1" in warning.advice


@pytest.mark.parametrize(
    ("run", "says", "never"),
    [
        (population(), "n_updates=600", "global_move"),
        (population(None), "global_move='auto'", "n_updates="),
        (population(n_global=0), "global_move='auto'", "n_updates="),
        (population(reinit_prob=0.3), "set reinit_prob=0", "global_move"),
        (population(None, reinit_prob=0.3), "global_move='auto'", "n_updates"),
        (population(None, weighting="jarzynski"), "n_chains", "weighting"),
        (population(outside=True), "MixtureMH", "n_updates"),
    ],
)
def test_what_to_do_when_chains_stay_in_their_mode(run, says, never):
    text = advice.to_change_modes(run, 1.2, 10.0)
    assert says in text and never not in text
    # Without counts, as for an imbalance, no figures.
    assert "=6" not in advice.to_change_modes(run)


def test_chains_that_never_change_are_not_told_to_take_infinitely_many_updates():
    text = advice.to_change_modes(population(), 0.0, 10.0)
    assert "proposals reach every mode" in text and "n_updates" not in text


def test_what_to_do_for_chains_that_have_not_arrived():
    assert advice.to_arrive(population()) == "use more n_steps or n_updates"
    assert "buffer='persistent'" in advice.to_arrive(population(buffer="fifo"))
    assert "reinit_prob=0" in advice.to_arrive(population(reinit_prob=0.3))
    assert "buffer" not in advice.to_arrive(population(outside=True))


def test_what_to_do_for_chains_that_do_not_follow():
    full = advice.to_follow(SETTINGS, fe.MALA(0.1), GLOBAL)
    assert full == "use more n_steps, n_global or n_chains"
    assert advice.to_follow(SETTINGS, fe.SGLD(0.1), GLOBAL) == "use MALA"
    assert "temperature" in advice.to_follow(SETTINGS, fe.MALA(0.1, temperature=2.0), GLOBAL)
    notebook = advice.to_follow(SETTINGS | {"buffer": "fifo", "reinit_prob": 0.3}, fe.SGLD(0.1), None)
    for part in ("use MALA", "global_move='auto'", "reinit_prob=0", "buffer='persistent'"):
        assert part in notebook


def test_measured_temperature_of_right_noise_is_not_blamed_on_the_noise():
    # All chains at the bottom of the wells: too cold, though noise and step belong together.
    cold = np.repeat(TRUTH.means_, 500, axis=0)
    warnings = fe.diagnose(TRUTH, sampler=fe.MALA(1e-5), x0=cold, n_steps=1)
    (warning,) = [w for w in warnings if w.code == "measured_temperature"]
    assert warning.value < 0.67 and "noise_std" not in warning.advice and "n_steps" in warning.advice


@pytest.mark.parametrize(
    ("sampler", "codes"),
    [
        (fe.MALA(0.05), {"mode_imbalance"}),
        (fe.SGLD(0.3), {"divergence", "measured_temperature", "mode_imbalance"}),
        (
            fe.MALA(5.0),
            {"acceptance", "divergence", "measured_temperature", "mode_imbalance", "too_few_steps"},
        ),
    ],
    ids=["short", "SGLD", "too large a step"],
)
def test_no_settings_of_training_for_a_run_of_a_sampler(sampler, codes):
    warnings = fe.diagnose(TRUTH, sampler=sampler, x0=np.full(500, -2.0), n_steps=5)
    assert {w.code for w in warnings} == codes
    settings = r"reinit_prob|n_updates|theta_bounds|buffer|global_move"
    for warning in warnings:
        assert not re.search(settings, warning.advice)
    # Such words are there where there was a training run.
    assert re.search(settings, advice.to_change_modes(population()))
    assert re.search(settings, advice.to_arrive(population()))
