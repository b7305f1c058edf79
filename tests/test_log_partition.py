"""log Z by quadrature and by annealing, against closed forms (T10, T11)."""

import math
from itertools import pairwise

import numpy as np
import pytest
from stats import Z_LIMIT

import fastebm as fe
from fastebm.partition import ais, quadrature

TRUTH = [0.9039, -2.0, -0.2, 0.5025, 1.8, 0.2, 0.3]


def wells(d, k=4, seed=0):
    rng = np.random.default_rng(seed)
    return fe.WellMixture.from_mixture(
        np.ones(k), rng.normal(0, 1.5, (k, d)), rng.uniform(0.5, 1.2, (k, d)), normalised=False
    )


# ---- closed form and quadrature ----


def test_closed_form_first():
    energy = fe.WellMixture(theta=TRUTH)
    estimate = fe.log_partition(energy)
    assert estimate.method == "closed_form"
    assert estimate.value == float(estimate) == energy.log_partition()
    assert estimate.lower <= estimate.value <= estimate.upper


@pytest.mark.parametrize("energy", [fe.WellMixture(theta=TRUTH), wells(1), wells(2), wells(2, 1)])
def test_quadrature_agrees_with_the_closed_form(energy):
    estimate = fe.log_partition(energy, "quadrature")
    assert estimate.method == "quadrature"
    assert abs(estimate.value - energy.log_partition()) <= estimate.error
    assert estimate.error < 1e-9
    if energy.n_features == 1:
        assert abs(quadrature.midpoint(energy, -12, 12) - energy.log_partition()) < 1e-12


def test_energies_without_a_closed_form():
    quartic = fe.PythonEnergy(lambda X: X[:, 0] ** 4, lambda X: 4 * X**3)
    assert fe.log_partition(quartic).value == pytest.approx(math.log(2 * math.gamma(1.25)), abs=1e-12)
    cauchy = fe.PythonEnergy(lambda X: np.log1p(X[:, 0] ** 2), lambda X: 2 * X / (1 + X**2))
    assert fe.log_partition(cauchy).value == pytest.approx(math.log(math.pi), abs=1e-9)
    rosenbrock = fe.PythonEnergy(
        lambda X: (1 - X[:, 0]) ** 2 + 5 * (X[:, 1] - X[:, 0] ** 2) ** 2, lambda X: X, n_features=2
    )
    assert fe.log_partition(rosenbrock).value == pytest.approx(math.log(math.pi / math.sqrt(5)), abs=1e-8)


def test_no_overflow_in_log_space():
    # Z = exp(-c) sqrt(2 pi): neither c = 800 nor -800 can be exponentiated.
    for c in (800.0, -800.0):
        energy = fe.PythonEnergy(lambda X, c=c: 0.5 * X[:, 0] ** 2 + c, lambda X: X)
        assert fe.log_partition(energy).value == pytest.approx(0.5 * math.log(2 * math.pi) - c, abs=1e-9)


def test_bounds_and_far_modes():
    energy = fe.WellMixture.from_mixture([0.5, 0.5], [-100.0, 120.0], [0.1, 0.1])
    X = energy.exact_sample(200, seed=1)
    assert fe.log_partition(energy, "quadrature", X=X).value == pytest.approx(0.0, abs=1e-9)
    half = fe.log_partition(energy, bounds=(-110, 0))
    assert half.method == "quadrature"
    assert half.value == pytest.approx(math.log(0.5), abs=1e-9)


def test_a_divergent_integral_is_an_error():
    flat = fe.PythonEnergy(lambda X: 0 * X[:, 0], lambda X: 0 * X)
    with pytest.raises(ValueError, match="does not converge"):
        fe.log_partition(flat)


def test_the_error_covers_a_kink():
    # |x|^0.5 is not smooth: the rule converges slowly, and says so.
    kink = fe.PythonEnergy(lambda X: np.sqrt(np.abs(X[:, 0])), lambda X: X)
    value, error = quadrature.adaptive(kink, X=np.linspace(-4, 4, 9), rtol=1e-6)
    assert abs(value - math.log(4.0)) <= error < 1e-5


# ---- annealed importance sampling ----


def test_annealing_in_one_dimension():
    energy = fe.WellMixture(theta=TRUTH)
    X = energy.exact_sample(2000, seed=1)
    estimate = fe.log_partition(energy, "ais", X=X, n_chains=4096, n_steps=400, seed=2)
    assert estimate.sd_log_weights < 0.3
    # Ten standard errors: log-normal weights are skewed.
    assert abs(estimate.value - energy.log_partition()) < 0.05
    assert estimate.lower < energy.log_partition() < estimate.upper
    assert estimate.upper - estimate.lower < 0.2


def test_annealing_in_ten_dimensions():
    energy = wells(10)
    X = energy.exact_sample(1000, seed=1)
    estimate = fe.log_partition(energy, "ais", X=X, n_chains=1024, n_steps=1000, seed=2)
    assert estimate.sd_log_weights < 1
    assert abs(estimate.value - energy.log_partition()) < Z_LIMIT * estimate.error
    assert estimate.lower < energy.log_partition() < estimate.upper


def test_the_bracket_closes_from_both_sides():
    # E[forward log w] <= log Z <= E[reverse log w], for a schedule so short that the gap is large.
    energy = wells(4)
    x = energy.exact_sample(2000, seed=1)
    base = ais.normal_base(x)
    there = ais.forward(energy, base, n_chains=2000, n_steps=20, seed=2)
    back = ais.reverse(energy, base, x, n_steps=20, seed=3)
    exact = energy.log_partition()
    for run, side in ((there, -1), (back, 1)):
        z = (run.log_weights.mean() - exact) / (run.log_weights.std() / math.sqrt(2000))
        assert side * z > Z_LIMIT
    # E[1 / w] = 1 / Z along reverse chains.
    assert abs(ais.log_mean_exp(-back.log_weights) + exact) < 0.3


def test_no_bare_number_when_the_weights_are_uneven():
    energy = wells(50)
    X = energy.exact_sample(500, seed=1)
    estimate = fe.log_partition(energy, "ais", X=X, n_chains=200, n_steps=60, seed=2)
    assert estimate.sd_log_weights > 1
    assert not estimate.trusted
    with pytest.raises(fe.UntrustedEstimateError, match="log Z lies in") as caught:
        _ = estimate.value
    assert caught.value.estimate is estimate
    with pytest.raises(fe.UntrustedEstimateError):
        float(estimate)
    assert estimate.lower < energy.log_partition() < estimate.upper
    assert "not a trustworthy number" in str(estimate)
    (warning,) = fe.diagnose(estimate)
    assert warning.code == "log_z_untrusted"
    assert warning.value == estimate.sd_log_weights


def plain_ais(energy, base, x, betas, h, rng, *, sign=1.0, metropolis=True, normalised=True):
    """AIS written out in NumPy, with the mistakes that the test must see."""
    log_w = np.zeros(len(x))
    mixed = lambda y, b: (1 - b) * base.energy(y) + b * energy.energy(y)  # noqa: E731
    slope = lambda y, b: (1 - b) * base.grad(y) + b * energy.grad(y)  # noqa: E731
    for before, beta in pairwise(betas):
        log_w += sign * (beta - before) * (base.energy(x) - energy.energy(x))
        y = x - h * slope(x, beta) + math.sqrt(2 * h) * rng.standard_normal(x.shape)
        forth = ((y - x + h * slope(x, beta)) ** 2).sum(axis=1)
        back = ((x - y + h * slope(y, beta)) ** 2).sum(axis=1)
        log_r = mixed(x, beta) - mixed(y, beta) - (back - forth) / (4 * h)
        take = np.log(rng.random(len(x))) < log_r if metropolis else np.ones(len(x), dtype=bool)
        x = np.where(take[:, None], y, x)
    return ais.log_mean_exp(log_w) + (
        0.0 if normalised else float(np.log(base.std).sum()) + 0.5 * math.log(2 * math.pi)
    )


@pytest.mark.parametrize("mistake", [None, "sign", "log Z0", "no accept step"])
def test_what_the_limit_sees(mistake):
    energy = fe.WellMixture(theta=TRUTH)
    base = ais.normal_base(energy.exact_sample(1000, seed=1))
    rng = np.random.default_rng(3)
    value = plain_ais(
        energy, base, base.exact_sample(4096, seed=2), ais.schedule(200), 0.18, rng,
        sign=-1.0 if mistake == "sign" else 1.0,
        metropolis=mistake != "no accept step",
        normalised=mistake != "log Z0",
    )  # fmt: skip
    if mistake is None:
        assert abs(value - energy.log_partition()) < 0.05
    else:
        assert abs(value - energy.log_partition()) > 0.05


# ---- guarantees and bad input ----


def test_same_seed_same_bytes_whatever_the_threads():
    energy = wells(3)
    X = energy.exact_sample(100, seed=1)
    base = ais.normal_base(X)
    runs = [
        ais.forward(energy, base, n_chains=600, n_steps=20, seed=5, n_threads=t).log_weights for t in (1, 2)
    ]
    assert runs[0].tobytes() == runs[1].tobytes()


def test_an_exception_in_a_users_energy_arrives():
    def broken(X):
        raise KeyError("mine")

    energy = fe.PythonEnergy(broken, broken, n_features=3)
    with pytest.raises(KeyError, match="mine"):
        fe.log_partition(energy, X=np.random.default_rng(0).normal(size=(10, 3)))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({}, "needs to know where the mass is"),
        ({"method": "quadrature"}, "one or two features"),
        ({"method": "guess"}, "method must be one of"),
        ({"X": np.zeros((5, 2))}, r"X must have shape \(n_samples, 3\)"),
        ({"base": wells(3)}, "normalised"),
        ({"X": np.eye(3), "n_chains": 1}, "n_chains must be at least 2"),
        ({"X": np.eye(3), "n_steps": 0}, "n_steps must be at least 1"),
    ],
)
def test_bad_arguments(arguments, message):
    energy = fe.PythonEnergy(lambda X: (X**2).sum(axis=1), lambda X: 2 * X, n_features=3)
    with pytest.raises(ValueError, match=message):
        fe.log_partition(energy, **arguments)


class Untouched(Exception):
    """Work was begun."""


def refuse(X):
    raise Untouched


@pytest.mark.parametrize("method", ["closed_form", "ais"])
def test_bounds_belong_to_quadrature(method):
    # Both answered for the whole space, as if there were no bounds.
    energy = fe.WellMixture(theta=TRUTH)
    with pytest.raises(ValueError, match="bounds belong to quadrature"):
        fe.log_partition(
            energy, method, X=energy.exact_sample(50, seed=1), bounds=(-1, 1), n_chains=8, n_steps=4
        )
    with pytest.raises(ValueError, match="bounds belong to quadrature"):
        fe.log_partition(fe.PythonEnergy(refuse, refuse), method, X=[0.0, 1.0], bounds=(-1, 1))
    # Negative control: the energy is asked once the bounds are gone, or belong.
    with pytest.raises(Untouched):
        fe.log_partition(fe.PythonEnergy(refuse, refuse), "quadrature", bounds=(-1, 1))


@pytest.mark.parametrize("method", ["auto", "quadrature"])
def test_bounds_where_the_closed_form_is_known(method):
    energy = fe.WellMixture(theta=TRUTH)
    inside = fe.log_partition(energy, method, bounds=(-1, 1))
    assert inside.method == "quadrature" and inside.value < energy.log_partition() - 1.0
    assert inside.value == pytest.approx(quadrature.midpoint(energy, -1, 1, 100_000), abs=1e-8)
    with pytest.raises(ValueError, match="leave bounds out"):
        fe.log_partition(wells(3), method, bounds=(-1, 1))


def test_a_base_that_cannot_start():
    flat = fe.PythonEnergy(refuse, refuse, n_features=3)
    with pytest.raises(ValueError, match="base must be normalised"):
        fe.log_partition(wells(3), "ais", base=flat)
    with pytest.raises(TypeError, match="base must be an Energy"):
        fe.log_partition(wells(3), "ais", base=0.0)


def test_bad_types():
    with pytest.raises(TypeError, match="energy"):
        fe.log_partition(None)
    with pytest.raises(NotImplementedError):
        fe.log_partition(fe.PythonEnergy(lambda X: X[:, 0] ** 2, lambda X: 2 * X), "closed_form")
    with pytest.raises(ValueError, match="bounds"):
        fe.log_partition(fe.WellMixture(), bounds=(1, 0))
    with pytest.raises(ValueError, match="n_features=1"):
        quadrature.midpoint(wells(2), -1, 1)
