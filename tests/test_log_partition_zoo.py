"""log Z where it is easily got wrong: right within its error, or not trusted."""

import math

import numpy as np
import pytest

import fastebm as fe

TWO_PI = math.log(2 * math.pi)


def spike(width):
    """Half a standard normal law, half one of this width at 1.2345."""

    def logs(x):
        wide = -0.5 * x**2 - 0.5 * TWO_PI
        narrow = -0.5 * ((x - 1.2345) / width) ** 2 - math.log(width) - 0.5 * TWO_PI
        return wide + math.log(0.5), narrow + math.log(0.5)

    def grad(X):
        wide, narrow = logs(X)
        share = np.exp(wide - np.logaddexp(wide, narrow))
        return share * X + (1 - share) * (X - 1.2345) / width**2

    return fe.PythonEnergy(lambda X: -np.logaddexp(*logs(X[:, 0])), grad)


def on_spike(rng, width):
    return np.where(rng.random(500) < 0.5, rng.normal(size=500), 1.2345 + width * rng.normal(size=500))


def apart(distance, d=1):
    return fe.WellMixture.from_mixture(
        [0.5, 0.5], [[-distance / 2] * d, [distance / 2] * d], np.full((2, d), 0.6)
    )


def plain(energy):
    """The same, of which nothing is known but its values and gradient."""
    return fe.PythonEnergy(energy.energy, energy.grad, energy.n_features)


def walls(d):
    inside = lambda X: (np.abs(X) < 1).all(axis=1)  # noqa: E731
    return fe.PythonEnergy(lambda X: np.where(inside(X), 0.0, np.inf), np.zeros_like, d)


def student(nu, d):
    return fe.PythonEnergy(
        lambda X: 0.5 * (nu + 1) * np.log1p(X**2 / nu).sum(axis=1), lambda X: (nu + 1) * X / (nu + X**2), d
    )


def heavy(nu):
    return np.random.default_rng(0).standard_t(nu, (1000, 3))


def log_student(nu):
    return 0.5 * math.log(nu * math.pi) + math.lgamma(nu / 2) - math.lgamma((nu + 1) / 2)


def funnel(d):
    """Neal's funnel: the first coordinate is the log-variance of the others, and has a standard deviation of 3."""

    def grad(X):
        v, rest = X[:, 0], X[:, 1:] * np.exp(-X[:, :1])
        return np.column_stack([v / 9 + 0.5 * (d - 1) - 0.5 * (X[:, 1:] * rest).sum(axis=1), rest])

    def energy(X):
        v = X[:, 0]
        return v**2 / 18 + 0.5 * (X[:, 1:] ** 2).sum(axis=1) * np.exp(-v) + 0.5 * (d - 1) * v

    return fe.PythonEnergy(energy, grad, d)


def in_funnel(rng, d):
    v = 3 * rng.normal(size=1000)
    return np.column_stack([v, np.exp(v / 2)[:, None] * rng.normal(size=(1000, d - 1))])


def one_mode(energy, seed=0):
    x = energy.exact_sample(1000, seed=seed)
    return x[x[:, 0] < 0]


# (name, energy, log Z, arguments of log_partition)
CASES = [
    ("far, no X", plain(apart(40)), 0.0, {}),
    ("far, X", plain(apart(40)), 0.0, {"X": apart(40).exact_sample(300, seed=0)}),
    ("far in two features, no X", plain(apart(40, 2)), 0.0, {}),
    ("very far, no X", plain(apart(2000)), 0.0, {}),
    ("spike, X", spike(1e-3), 0.0, {"X": on_spike(np.random.default_rng(0), 1e-3)}),
    ("needle, X", spike(1e-8), 0.0, {"X": on_spike(np.random.default_rng(0), 1e-8)}),
    ("a wall", walls(1), math.log(2), {}),
    ("a wall, X", walls(1), math.log(2), {"X": np.random.default_rng(0).uniform(-1, 1, 50)}),
    ("a wall in two features", walls(2), math.log(4), {}),
    ("Cauchy", student(1, 1), log_student(1), {}),
    ("Cauchy in three features", student(1, 3), 3 * log_student(1), {"X": heavy(1)}),
    ("t_3 in three features", student(3, 3), 3 * log_student(3), {"X": heavy(3)}),
    ("funnel", funnel(10), math.log(3) + 5 * TWO_PI, {"X": in_funnel(np.random.default_rng(0), 10)}),
    ("annealing of one mode, samples of both", apart(4, 3), 0.0, {"method": "ais", "X": one_mode(apart(4, 3))}),
    ("far in three features", apart(18, 3), 0.0, {"method": "ais", "X": apart(18, 3).exact_sample(1000, seed=0)}),
    ("three chains", apart(4, 3), 0.0, {"method": "ais", "X": apart(4, 3).exact_sample(99, seed=0), "n_chains": 3}),
]  # fmt: skip


@pytest.mark.parametrize("name, energy, exact, arguments", CASES, ids=[c[0] for c in CASES])
def test_right_or_not_trusted(name, energy, exact, arguments):
    estimate = fe.log_partition(energy, **({"n_steps": 500} | arguments), seed=1)
    if estimate.trusted:
        assert abs(estimate.value - exact) <= 5 * estimate.error or abs(estimate.value - exact) < 0.02
        assert estimate.lower <= estimate.value <= estimate.upper
    else:
        (warning,) = fe.diagnose(estimate)
        assert warning.code == "log_z_untrusted" and warning.advice


def test_which_of_them_are_right():
    # The zoo must not be passed by trusting nothing.
    right = {
        "far, no X",
        "far, X",
        "far in two features, no X",
        "spike, X",
        "needle, X",
        "a wall",
        "a wall, X",
        "Cauchy",
    }
    for name, energy, exact, arguments in CASES:
        if name in right:
            estimate = fe.log_partition(energy, **arguments)
            assert estimate.trusted and abs(estimate.value - exact) < 1e-5, name


def test_what_cannot_be_told():
    # X from one mode of two, and reverse samples too: as the docstring says, half of Z is missed and nothing shows it.
    x = one_mode(apart(18, 3))
    estimate = fe.log_partition(plain(apart(18, 3)), X=x, reverse_samples=x, n_steps=200, seed=1)
    assert estimate.trusted and estimate.value == pytest.approx(math.log(0.5), abs=0.05)


def test_reverse_samples_of_a_hundredth_of_the_mass():
    # The forward runs meet both modes; the reverse ones begin at the one that has next to nothing.
    energy = fe.WellMixture.from_mixture([0.01, 0.99], [[-2.0] * 3, [2.0] * 3], np.full((2, 3), 0.5))
    x = energy.exact_sample(4000, seed=0)
    few = x[x[:, 0] < 0]
    estimate = fe.log_partition(
        plain(energy), X=x, reverse_samples=np.repeat(few, 20, axis=0), n_steps=200, seed=1
    )
    assert not estimate.trusted or abs(estimate.value) < 5 * estimate.error


def test_good_runs_are_trusted():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        energy = fe.WellMixture.from_mixture(
            np.ones(3), rng.normal(0, 1.5, (3, 4)), rng.uniform(0.5, 1.2, (3, 4))
        )
        estimate = fe.log_partition(
            energy, "ais", X=energy.exact_sample(1000, seed=seed), n_chains=512, n_steps=300, seed=seed
        )
        assert estimate.trusted and abs(estimate.value) < 6 * estimate.error


@pytest.mark.parametrize("arguments", [{"base": apart(4)}, {"reverse_samples": [[0.0], [1.0]]}])
@pytest.mark.parametrize("method", ["closed_form", "quadrature"])
def test_arguments_of_annealing_belong_to_annealing(arguments, method):
    with pytest.raises(ValueError, match="belongs to annealed importance sampling"):
        fe.log_partition(apart(4), method, **arguments)
    with pytest.raises(ValueError, match="belongs to annealed importance sampling"):
        fe.log_partition(apart(4), bounds=(-1, 1), **arguments)


def test_no_mass_is_an_error():
    nowhere = fe.PythonEnergy(lambda X: np.full(len(X), np.inf), np.zeros_like)
    with pytest.raises(ValueError, match="no mass"):
        fe.log_partition(nowhere)
