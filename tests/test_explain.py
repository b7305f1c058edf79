"""Which cell makes a row odd: closed forms against quadrature, and cells that were spoilt on purpose."""

import numpy as np
import pytest

import fastebm as fe
from fastebm.answers import explain

TRUTH = fe.WellMixture.from_mixture(
    [0.3, 0.7],
    [[-2.0, 0.5, 0.0], [1.5, -0.5, 1.0]],
    covariances=[
        [[1.0, 0.5, 0.2], [0.5, 0.8, 0.1], [0.2, 0.1, 0.6]],
        [[0.5, -0.3, 0.0], [-0.3, 0.5, 0.1], [0.0, 0.1, 0.9]],
    ],
)

TAILS = fe.StudentTMixture.from_mixture(
    TRUTH.weights_, TRUTH.means_, df=[2.5, 6.0], scale_matrices=TRUTH.covariances_
)
BOTH = pytest.mark.parametrize("energy", [TRUTH, TAILS], ids=["normal", "student"])


def silent(energy):
    return fe.PythonEnergy(energy.energy, energy.grad, energy.n_features)


@BOTH
def test_surprise_is_the_conditional_density(energy):
    x = energy.exact_sample(6, seed=1)
    said = explain(energy, x)
    t = np.linspace(-200, 200, 200_001) if energy is TAILS else np.linspace(-40, 40, 40_001)
    for i, j in np.ndindex(*x.shape):
        rows = np.tile(x[i], (len(t), 1))
        rows[:, j] = t
        p = np.exp(-energy.energy(rows))
        mass = p.sum() * (t[1] - t[0])
        assert said.surprise[i, j] == pytest.approx(
            energy.energy(x[i : i + 1])[0] + np.log(mass), abs=2e-3 if energy is TAILS else 1e-8
        )
        assert said.nats[i, j] == pytest.approx(energy.energy(x[i : i + 1])[0] + np.log(p.max()), abs=1e-4)
        assert abs(said.likeliest[i, j] - t[p.argmax()]) < 0.02 or said.nats[i, j] < 1e-3


@BOTH
def test_changing_the_cell_gains_what_is_said(energy):
    x = energy.exact_sample(200, seed=2)
    said = explain(energy, x)
    for j in range(3):
        changed = x.copy()
        changed[:, j] = said.likeliest[:, j]
        gain = energy.log_prob(changed) - energy.log_prob(x)
        np.testing.assert_allclose(gain, said.nats[:, j], atol=1e-9)
        # A normal cell lies 0.5 above its likeliest value, on average; heavy tails reach further.
        assert 0.3 < said.nats[:, j].mean() < (1.2 if energy is TAILS else 0.9)


def test_without_closed_forms_the_same():
    x = np.concatenate([TRUTH.exact_sample(60, seed=3), [[30.0, 0.0, 0.0]]])
    exact, moved = explain(TRUTH, x), explain(silent(TRUTH), x, bounds=[(-12.0, 12.0)] * 3)
    np.testing.assert_allclose(moved.nats[:60], exact.nats[:60], atol=0.02)
    np.testing.assert_allclose(moved.surprise[:60], exact.surprise[:60], atol=1e-3)
    assert (moved.column == exact.column).mean() > 0.95 and moved.column[-1] == 0
    with pytest.raises(ValueError, match="give bounds"):
        explain(silent(TRUTH), x)
    with pytest.raises(ValueError, match="for each of 3 features"):
        explain(silent(TRUTH), x, bounds=[(0.0, 1.0)])


def test_a_constant_and_a_copy_that_are_not():
    x = TRUTH.exact_sample(300, seed=4)
    table = np.c_[x, np.full(300, 7.0), 2.0 * x[:, 0] + 1.0]
    fit = fe.fit_wells(table, 2, recipe="em", preprocess="auto", seed=1)
    d = x.shape[1]
    rows = table[:3].copy()
    rows[0, d], rows[1, d + 1] = 8.0, rows[1, d + 1] + 0.5
    said, plain = explain(fit, rows), explain(fit, table[:3])
    assert said.column[:2].tolist() == [d, d + 1]
    assert np.isinf(said.nats).sum() == 2 and np.isinf(said.surprise).sum() == 2
    np.testing.assert_allclose(said.likeliest[:, d:], table[:3, d:])
    assert (said.nats[:, :d] == plain.nats[:, :d]).all() and (plain.nats[:, d:] == 0).all()
    rows[:, 1] = np.nan
    with pytest.raises(ValueError, match=f"row 0 has 8 in feature {d}, which the model has as 7"):
        fe.impute(fit, rows)
    with pytest.raises(ValueError, match=f"given has 8 in feature {d}"):
        fe.conditional_sample(fit, {d: 8.0}, 2, seed=1)
    rows[0, d], rows[1, d + 1] = np.nan, np.nan
    np.testing.assert_allclose(fe.impute(fit, rows)[:, d:], table[:3, d:])


@pytest.mark.parametrize("tails", ["normal", "student"])
def test_rows_beyond_the_range_of_numbers(tails):
    fit = fe.fit_wells(
        TRUTH.exact_sample(200, seed=4), 2, recipe="auto", tails=tails, seed=1, preprocess="auto"
    )
    far = np.zeros((2, fit.n_features))
    far[1, 1] = -1e140
    assert np.isfinite(explain(fit, far).nats).all()
    far[1, 1] = -1e160
    with pytest.raises(fe.NonFiniteError, match="row 1 is so far from the data in column 1"):
        explain(fit, far)
    far[1, 0] = np.nan
    with pytest.raises(fe.NonFiniteError, match="row 1 is so far"):
        fe.impute(fit, far)
    with pytest.raises(fe.NonFiniteError, match="row 0 is so far"):
        fe.conditional_sample(fit, {1: -1e160}, 2)


def test_a_spoilt_cell_is_found_in_any_units():
    scale = np.array([1000.0, 1.0, 0.001])
    x = TRUTH.exact_sample(2000, seed=4) * scale
    fit = fe.fit_wells(x, 2, covariance="full", recipe="em", seed=1, names=["a", "b", "c"])
    which = np.arange(300) % 3
    spoilt = TRUTH.exact_sample(300, seed=5) * scale
    spoilt[np.arange(300), which] += 4.5 * scale[which]
    said = explain(fit, spoilt)
    assert (said.column == which).mean() > 0.9
    assert said.column_names[:3] == ["a", "b", "c"]
    # Negative control: the plain surprise has units, and is led by them.
    assert (said.surprise.argmax(axis=1) == which).mean() < 0.8
    # Units change nothing but the density.
    other = fe.ScaledWells(fit.wells, fit.offset / scale, fit.scale / scale)
    again = explain(other, spoilt / scale)
    np.testing.assert_allclose(again.nats, said.nats, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(again.surprise, said.surprise - np.log(scale), atol=1e-6)
    assert again.column_names[0] == "column 1"
