"""fe.check_grad passes what is right and names what is wrong."""

import re

import numpy as np
import pytest
from cases import ENERGIES, parametrise

import fastebm as fe

f32 = np.float32


@pytest.fixture
def wells():
    rng = np.random.default_rng(1)
    return fe.WellMixture(3, 2, rng.normal(size=16))


def test_right_gradients_pass(wells):
    report = fe.check_grad(wells, np.random.default_rng(2).normal(0, 2, (200, 2)))
    assert report.ok and report
    assert 0 < report.max_grad_error < 1e-8
    assert 0 < report.max_param_grad_error < 1e-8
    assert "agree" in str(report)


@pytest.mark.parametrize(
    "grad",
    [
        lambda X: X**3,
        lambda X: -4 * X**3,
        lambda X: 4 * X**3 + 1e-4,
        lambda X: 4 * np.abs(X) ** 3,
        lambda X: 0 * X,
    ],
    ids=["factor", "sign", "offset", "one side", "zero"],
)
def test_wrong_gradients_fail(grad):
    energy = fe.PythonEnergy(lambda X: X[:, 0] ** 4, grad)
    report = fe.check_grad(energy, np.linspace(-2, 2, 41))
    assert not report.ok
    assert report.max_param_grad_error == 0.0
    assert "dE/dx[0] at x = " in str(report)


def test_swapped_features_are_found():
    energy = fe.PythonEnergy(
        lambda X: X[:, 0] ** 2 + 3 * X[:, 1] ** 2, lambda X: np.c_[6 * X[:, 1], 2 * X[:, 0]], n_features=2
    )
    assert not fe.check_grad(energy, [[1.0, 2.0]])


def test_theta_is_not_modified(wells):
    before = wells.theta
    fe.check_grad(wells, np.zeros((3, 2)))
    np.testing.assert_array_equal(wells.theta, before)


def test_one_dimension_accepts_a_vector():
    assert fe.check_grad(fe.WellMixture(), [0.0, 1.0, 3.0]).ok


def test_bridges_and_bases():
    from fastebm.energies.bridge import Bridge, Normal

    normal = Normal([1.0, -2.0], [0.5, 30.0])
    X = normal.exact_sample(100, seed=1)
    assert fe.check_grad(normal, X).ok
    for beta in (0.0, 0.3, 1.0):
        path = Bridge(normal, fe.WellMixture(2, 2), beta)
        assert fe.check_grad(path, X).ok
        wanted = (1 - beta) * normal.laplacian(X) + beta * fe.WellMixture(2, 2).laplacian(X)
        np.testing.assert_allclose(path.laplacian(X), wanted, rtol=1e-6, atol=1e-6)


# ---- precision ----


@parametrise("case", [case for case in ENERGIES if case.rel == 1e-12])
def test_float64_is_judged_as_before(case):
    energy = case.make()
    X = np.random.default_rng(5).uniform(-case.x_range, case.x_range, (200, energy.n_features))
    report = fe.check_grad(energy, X)
    assert report.ok and report.precision == "float64" and report.limit == 1e-6
    assert report == fe.check_grad(energy, X, step=1e-5, limit=1e-6)
    if not energy.grad(X).any():
        # A flat energy has no component that could be too large.
        return
    # Negative control: 1e-5 too much in one component.
    for d in range(energy.n_features):
        scale = np.ones(energy.n_features)
        scale[d] += 1e-5
        wrong = fe.PythonEnergy(
            energy.energy, lambda X, s=scale: energy.grad(X).reshape(X.shape) * s, energy.n_features
        )
        assert not fe.check_grad(wrong, X)


def single(n_wells, n_features, theta, cast=f32):
    """A WellMixture written out in another precision: functions for the energy and both gradients."""

    def parts(X, theta):
        wells = theta.astype(cast)[:-1].reshape(n_wells, -1)
        a, m, k = np.exp(wells[:, :n_features]), wells[:, n_features:-1], wells[:, -1]
        d = X.astype(cast)[:, None] - m
        e = (a * d * d).sum(axis=-1) + k
        low = e.min(axis=1, keepdims=True)
        w = np.exp(low - e)
        return a, d, w / w.sum(axis=1, keepdims=True), low[:, 0] - np.log(w.sum(axis=1)) + cast(theta[-1])

    def energy(X, theta):
        return parts(X, theta)[3]

    def grad(X, theta):
        a, d, w, _ = parts(X, theta)
        return (2 * w[..., None] * a * d).sum(axis=1)

    def param_grad(X, theta):
        a, d, w, _ = parts(X, theta)
        wells = np.concatenate([w[..., None] * a * d * d, -2 * w[..., None] * a * d, w[..., None]], axis=-1)
        return np.column_stack([wells.reshape(len(X), -1), np.ones(len(X), cast)])

    return energy, grad, param_grad


def scaled(function, p, by):
    def wrong(X, theta):
        result = function(X, theta).copy()
        result[:, p] *= f32(by)
        return result

    return wrong


def in_float64(function):
    return lambda X, theta: function(X, theta).astype(np.float64)


# Those of one kind are enough.
WELLS = [c for c in ENERGIES if re.match(r"wells-\d", c.name)]


@pytest.mark.parametrize("returned", [lambda f: f, in_float64], ids=["float32", "returned as float64"])
@parametrise("case", WELLS)
def test_float32_inside(case, returned):
    wells = case.make()
    d, theta = wells.n_features, wells.theta
    X = np.random.default_rng(6).uniform(-case.x_range, case.x_range, (200, d))
    energy, grad, param_grad = (returned(f) for f in single(wells.n_wells, d, theta))

    def check(grad=grad, param_grad=param_grad, **how):
        return fe.check_grad(fe.PythonEnergy(energy, grad, d, param_grad=param_grad, theta=theta), X, **how)

    report = check()
    assert report.ok and report.precision == "float32", str(report)
    assert 1e-5 < report.limit < 1e-3 and "energy: float32" in str(report)
    # A step for float64 sees nothing but rounding, and calls it wrong.
    assert not check(step=1e-5, limit=1e-6)
    # Negative control: 1 % too much in one component of either.
    for i in range(d):
        assert not check(grad=scaled(grad, i, 1.01)), f"dE/dx[{i}]"
    for p in range(len(theta)):
        # What is at most 1 % of 1 + |E| everywhere cannot be seen to be off by 1 %.
        share = np.abs(param_grad(X, theta)[:, p]) / (1 + np.abs(energy(X, theta)))
        if share.max() > 0.3:
            assert not check(param_grad=scaled(param_grad, p, 1.01)), wells.param_names[p]


def network(seed, n_features=8, width=64):
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(n_features, width)) / n_features**0.5
    second, last = rng.normal(size=(width, width)) / width**0.5, rng.normal(size=width) / width**0.5

    def layers(X, cast):
        a = np.tanh(X.astype(cast) @ first.astype(cast))
        return a, np.tanh(a @ second.astype(cast))

    def energy(X, cast=f32):
        return (layers(X, cast)[1] @ last.astype(cast)).astype(float) + 0.5 * (X**2).sum(axis=1)

    def grad(X, cast=f32):
        a, b = layers(X, cast)
        back = ((1 - b * b) * last.astype(cast)) @ second.T.astype(cast) * (1 - a * a)
        return (back @ first.T.astype(cast)).astype(float) + X

    return energy, grad


@pytest.mark.parametrize("seed", range(3))
def test_a_network_in_float32_whose_energy_is_summed_in_float64(seed):
    energy, grad = network(seed)
    X = np.random.default_rng(seed).normal(size=(100, 8))
    report = fe.check_grad(fe.PythonEnergy(energy, grad, 8), X)
    assert report.ok and report.precision == "float32"
    for d in (0, 7):
        scale = np.ones(8)
        scale[d] = 1.01
        assert not fe.check_grad(fe.PythonEnergy(energy, lambda X, s=scale: grad(X) * s, 8), X)
    exact = fe.PythonEnergy(lambda X: energy(X, float), lambda X: grad(X, float), 8)
    assert fe.check_grad(exact, X).precision == "float64"
    # Only the gradient in float32: the energy still tells to 1e-6.
    assert fe.check_grad(fe.PythonEnergy(lambda X: energy(X, float), grad, 8), X).precision == "float64"


@pytest.mark.parametrize("offset", [1e3, 1e5])
def test_an_offset_that_hides_small_changes(offset):
    # float32 holds 1e5 to 0.008: the energy does not change at all over a step of 1e-5.
    X = np.random.default_rng(7).normal(size=200)
    energy = fe.PythonEnergy(lambda X: f32(offset) + f32(0.5) * X.astype(f32)[:, 0] ** 2, lambda X: X)
    report = fe.check_grad(energy, X)
    assert report.ok and report.precision == "float32"


def test_other_roundings():
    X = np.random.default_rng(8).normal(size=200)
    half = fe.PythonEnergy(lambda X: X.astype(np.float16)[:, 0] ** 2, lambda X: 2 * X)
    report = fe.check_grad(half, X)
    assert report.ok and report.precision.startswith("rounding 1e-04")
    assert not fe.check_grad(fe.PythonEnergy(half.energy, lambda X: 3 * X), X)
    # Digits that cancel in float64.
    lost = fe.PythonEnergy(lambda X: (1e9 + 0.5 * X[:, 0] ** 2) - 1e9, lambda X: X)
    report = fe.check_grad(lost, X)
    assert report.ok and report.precision != "float64"
    assert not fe.check_grad(fe.PythonEnergy(lost.energy, lambda X: 1.01 * X), X)


@pytest.mark.parametrize(
    ("energy", "grad", "X"),
    [
        (lambda X: 0 * X[:, 0] + 3, lambda X: 0 * X, [0.0, 1.0]),
        (lambda X: 2 * X[:, 0], lambda X: 0 * X + 2, [0.0, 1.0]),
        (lambda X: X[:, 0] ** 2, lambda X: 2 * X, [0.0]),
        (lambda X: 1e4 * X[:, 0] ** 2, lambda X: 2e4 * X, [1.0, 2.0, 3.0]),
        (lambda X: np.log1p((X[:, 0] / 1e3) ** 2), lambda X: 2 * X / (1e6 + X**2), [500.0, 2e3]),
        (lambda X: X[:, 0] ** 2 / 2e-4, lambda X: X / 1e-4, np.linspace(-0.03, 0.03, 20)),
    ],
    ids=["constant", "line", "minimum", "steep", "wide", "narrow"],
)
def test_float64_is_recognised(energy, grad, X):
    report = fe.check_grad(fe.PythonEnergy(energy, grad), X)
    assert report.ok and report.precision == "float64"


def test_explicit_limits_are_kept():
    energy, grad = network(1)
    X = np.random.default_rng(1).normal(size=(50, 8))
    net = fe.PythonEnergy(energy, grad, 8)
    assert fe.check_grad(net, X, limit=1e-7).limit == 1e-7 and not fe.check_grad(net, X, limit=1e-7)
    assert fe.check_grad(net, X, step=3e-3).ok and not fe.check_grad(net, X, step=1e-6)


def test_a_noisy_energy_fails():
    rng = np.random.default_rng(9)
    for size in (1e-3, 1e-9):
        noisy = fe.PythonEnergy(lambda X, s=size: X[:, 0] ** 2 + s * rng.normal(size=len(X)), lambda X: 2 * X)
        report = fe.check_grad(noisy, [0.5, 1.0, 2.0])
        assert not report.ok and report.precision == "not repeatable"
        assert "two evaluations at x = [0.5] give" in str(report) and "dropout" in str(report)
    # Even a generous limit does not hide it.
    assert not fe.check_grad(noisy, [0.5], limit=10.0)


def test_theta_without_its_gradient():
    energy = fe.PythonEnergy(lambda X, t: t[0] * X[:, 0] ** 2, lambda X, t: 2 * t[0] * X, theta=[1.5])
    report = fe.check_grad(energy, [0.5, 1.0])
    assert report.ok and report.max_param_grad_error == 0.0


def test_bad_input():
    with pytest.raises(TypeError, match="energy"):
        fe.check_grad(lambda x: x, [0.0])
    with pytest.raises(ValueError, match="X"):
        fe.check_grad(fe.WellMixture(), [[0.0, 1.0]])
    with pytest.raises(ValueError, match="step"):
        fe.check_grad(fe.WellMixture(), [0.0], step=0)
    for word in ("step", "limit"):
        with pytest.raises(TypeError, match=word):
            fe.check_grad(fe.WellMixture(), [0.0], **{word: "small"})
