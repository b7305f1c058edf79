"""Networks of every architecture: gradients, precision, bases, what they keep, what they refuse.

The general tests run on those of cases.py; here architectures are drawn.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from architectures import architecture, network
from hypothesis import given
from hypothesis import strategies as st
from network_oracle import NetworkOracle
from oracle import assert_agrees

import fastebm as fe

seeds = st.integers(0, 2**32 - 1)
# Differences do not know on which side of a kink they are.
SMOOTH = ("silu", "softplus")


def points(energy, n=3):
    return 1.5 * np.random.default_rng(energy.n_params).normal(size=(n, energy.n_features))


# ---- values ----


@given(seed=seeds)
def test_gradients_are_central_differences(seed):
    energy = network(seed, activations=SMOOTH)
    X, theta, step = points(energy), energy.theta, 1e-5

    def slopes(at, value, which):
        found = []
        for p in which:
            ends = []
            for moved in (at[..., p] + step, at[..., p] - step):
                there = at.copy()
                there[..., p] = moved
                ends.append(value(there))
            found.append((ends[0] - ends[1]) / (2.0 * step))
        return np.stack(found, axis=-1)

    def at_theta(moved):
        energy.theta = moved
        return energy.energy(X)

    inputs = np.arange(energy.n_features)
    some = np.sort(
        np.random.default_rng(seed).choice(energy.n_params, min(energy.n_params, 40), replace=False)
    )
    size = 1.0 + np.abs(energy.energy(X)).max()
    for gradient, difference in (
        (energy.grad(X), slopes(X, energy.energy, inputs)),
        (energy.param_grad(X)[:, some], slopes(theta, at_theta, some)),
    ):
        error = np.abs(gradient - difference).max() / (size + np.abs(gradient).max())
        assert error < 2e-8
    energy.theta = theta
    assert fe.check_grad(energy, X).ok


@given(seed=seeds)
def test_values_and_gradients_by_complex_steps(seed):
    energy = network(seed)
    # Steps of theta are a row each.
    X, oracle = points(energy, 2), NetworkOracle(energy)
    assert_agrees(energy.energy(X), X, oracle.energy, 1e-13)
    assert_agrees(energy.grad(X), X, oracle.grad, 1e-13)
    if energy.n_params < 400:
        assert_agrees(energy.param_grad(X), X, oracle.param_grad, 1e-13)


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@given(seed=seeds)
def test_float32_is_float64_to_five_digits(seed):
    wide, narrow = network(seed, activations=SMOOTH), network(seed, "float32", SMOOTH)
    np.testing.assert_array_equal(wide.theta, narrow.theta)
    X = points(wide, 20)
    scale = np.abs(wide.energy(X)).max()
    assert np.abs(wide.energy(X) - narrow.energy(X)).max() < 2e-5 * (1.0 + scale)
    assert distance(narrow.grad(X), wide.grad(X)) < 2e-5
    assert distance(narrow.param_grad(X), wide.param_grad(X)) < 2e-5
    assert distance(narrow.mean_param_grad(X), X.shape[0] ** -1 * wide.param_grad(X).sum(axis=0)) < 2e-5
    # It is float32 that was compared.
    assert not np.array_equal(wide.grad(X), narrow.grad(X))


@given(seed=seeds, dtype=st.sampled_from(["float32", "float64"]))
def test_bytes_depend_on_neither_block_nor_threads_nor_neighbours(seed, dtype):
    energy = network(seed, dtype)
    X = points(energy, 131)
    values, slopes = energy.energy(X), energy.grad(X)
    for i in (0, 63, 64, 65, 130):
        assert energy.energy(X[i : i + 1]).tobytes() == values[i : i + 1].tobytes()
        assert energy.grad(X[i : i + 1]).tobytes() == slopes[i : i + 1].tobytes()
    sampler = fe.MALA(1e-3)
    runs = [sampler.sample(energy, X, 3, seed=1, n_threads=k) for k in (1, 2)]
    assert runs[0].tobytes() == runs[1].tobytes()
    assert sampler.sample(energy, X[17:60], 3, seed=1, first_chain=17).tobytes() == runs[0][17:60].tobytes()


@given(seed=seeds, dtype=st.sampled_from(["float32", "float64"]))
def test_kept_as_it_was(seed, dtype, tmp_path_factory):
    energy = network(seed, dtype)
    file = tmp_path_factory.mktemp("networks") / "energy"
    fe.save(file, energy)
    X = points(energy)
    for other in (fe.load(file), pickle.loads(pickle.dumps(energy))):
        assert other == energy and other.param_names == energy.param_names and other.layers == energy.layers
        assert other.energy(X).tobytes() == energy.energy(X).tobytes()


def test_a_map_of_names_is_one_of_parameters():
    energy = fe.NetworkEnergy((2, 3, 3), [("residual", [("conv", 2)]), "silu", ("dense", 4)])
    names = energy.param_names
    assert len(names) == len(set(names)) == energy.n_params == 2 * 2 * 9 + 2 + 18 * 4 + 4 + 4
    assert names[0] == "layer1.layer1.W[0,0,0,0]" and names[-1] == "layer4.W[0,3]"


# ---- the base ----

BASES = {
    "gaussian": fe.Gaussian([0.5, -1.0], [[2.0, 0.3], [0.3, 0.5]]),
    "wells": fe.WellMixture.from_mixture([0.4, 0.6], [[-2.0, 0.0], [1.0, 1.0]], np.full((2, 2), 0.5)),
    "box": fe.Box([-1.0, 0.0], [3.0, 5.0]),
}


@pytest.mark.parametrize("name", BASES)
def test_training_starts_at_the_base(name):
    base = BASES[name]
    energy = fe.NetworkEnergy.mlp(2, (8, 8), base=base)
    X = base.exact_sample(200, seed=1)
    np.testing.assert_array_equal(energy.energy(X), base.energy(X))
    np.testing.assert_array_equal(energy.grad(X), base.grad(X))
    assert energy.base == base and energy.base is not base and energy.has_walls == base.has_walls
    # Mean and standard deviation of the base, or the middle of the box and half its width.
    about = energy._arguments()
    if name == "box":
        np.testing.assert_array_equal(about["loc"], [1.0, 2.5])
        np.testing.assert_array_equal(about["scale"], [2.0, 2.5])
    else:
        many = base.exact_sample(200_000, seed=2)
        np.testing.assert_allclose(about["loc"], many.mean(axis=0), atol=0.02)
        np.testing.assert_allclose(about["scale"], many.std(axis=0), atol=0.02)


@pytest.mark.parametrize("name", BASES)
def test_a_tilted_base_is_the_sum(name):
    base = BASES[name]
    energy = fe.NetworkEnergy.mlp(2, (5,), base=base, dtype="float64")
    energy.theta = np.random.default_rng(1).normal(size=energy.n_params)
    about = energy._arguments()
    alone = fe.NetworkEnergy.mlp(2, (5,), loc=about["loc"], scale=about["scale"], dtype="float64")
    alone.theta = energy.theta
    X = base.exact_sample(50, seed=1)
    for what in ("energy", "grad", "laplacian"):
        wanted = getattr(base, what)(X) + getattr(alone, what)(X)
        np.testing.assert_allclose(getattr(energy, what)(X), wanted, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(energy.param_grad(X), alone.param_grad(X))


def test_log_z_of_one_feature():
    energy = fe.NetworkEnergy.mlp(1, (6,), base=fe.Gaussian([0.3], [[1.5]]), dtype="float64")
    energy.theta = np.random.default_rng(1).normal(size=energy.n_params)
    grid = np.linspace(-15.0, 15.0, 20_001)
    true = np.log(np.exp(-energy.energy(grid)).sum() * (grid[1] - grid[0]))
    assert abs(fe.log_partition(energy).value - true) < 1e-8
    # Not that of the base.
    assert abs(true) > 0.1


# ---- overflow ----

LAYERS = {
    "dense": ((4,), [("dense", 3)]),
    "silu": ((4,), ["silu"]),
    "softplus": ((4,), ["softplus"]),
    "leaky_relu": ((4,), ["leaky_relu"]),
    "fourier": ((4,), [("fourier", 2)]),
    "residual": ((4,), [("residual", [("dense", 4), "silu"])]),
    "conv": ((1, 2, 2), [("conv", 2)]),
    "pool": ((1, 2, 2), [("pool", 2)]),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_float32_overflow_is_seen(name, sign):
    """x of 1e60 is infinite in float32: every layer passes that on, and the energy says so."""
    shape, layers = LAYERS[name]
    shape = shape[0] if len(shape) == 1 else shape
    energy = fe.NetworkEnergy(shape, layers)
    energy.theta = np.ones(energy.n_params)
    X = np.zeros((3, energy.n_features))
    X[1, 2] = sign * 1e60
    with pytest.raises(fe.NonFiniteError, match="energy"):
        energy.energy(X)
    wide = fe.NetworkEnergy(shape, layers, dtype="float64")
    wide.theta = energy.theta
    assert np.isfinite(wide.energy(X)).all()
    assert np.isfinite(energy.energy(X[::2])).all()


# ---- what is refused ----


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fe.NetworkEnergy(0, ["silu"]), ValueError, "shape must be at least 1, got 0"),
        (lambda: fe.NetworkEnergy(-3, ["silu"]), ValueError, "shape must be at least 1, got -3"),
        (lambda: fe.NetworkEnergy(2.5, ["silu"]), TypeError, "shape must be an integer, got 2.5"),
        (
            lambda: fe.NetworkEnergy((1, 2, 3, 4), ["silu"]),
            ValueError,
            r"shape must be n_features, .*\(1, 2, 3, 4\)",
        ),
        (lambda: fe.NetworkEnergy((), ["silu"]), ValueError, r"shape must be .* got \(\)"),
        (lambda: fe.NetworkEnergy(2, "silu"), TypeError, "layers must be a list"),
        (lambda: fe.NetworkEnergy(2, ["relu"]), ValueError, r"layers\[0\].*'relu'"),
        (lambda: fe.NetworkEnergy(2, [("dense",)]), ValueError, r"layers\[0\]: 'dense' takes n_out"),
        (lambda: fe.NetworkEnergy(2, [("dense", 3, 4)]), ValueError, r"layers\[0\]: 'dense' takes n_out"),
        (
            lambda: fe.NetworkEnergy(2, [("dense", 0)]),
            ValueError,
            r"layers\[0\]: n_out must be at least 1, got 0",
        ),
        (lambda: fe.NetworkEnergy(2, [("dense", "3")]), TypeError, r"layers\[0\]: n_out must be an integer"),
        (lambda: fe.NetworkEnergy(2, [("dense", 10**6)]), ValueError, r"layers\[0\]: n_out must be at most"),
        (lambda: fe.NetworkEnergy(2, ["silu", 3]), TypeError, r"layers\[1\] must be one of"),
        (lambda: fe.NetworkEnergy(2, [("silu", 3)]), ValueError, r"layers\[0\]: 'silu' takes no numbers"),
        (
            lambda: fe.NetworkEnergy(2, [("conv", 3)]),
            ValueError,
            r"layers\[0\]: 'conv' needs an image.*\(2,\)",
        ),
        (
            lambda: fe.NetworkEnergy((4, 4), [("dense", 9), ("pool", 2)]),
            ValueError,
            r"layers\[1\]: 'pool' needs an image",
        ),
        (
            lambda: fe.NetworkEnergy((4, 4), [("conv", 3, 7)]),
            ValueError,
            r"layers\[0\]: 'conv' of size 7, padding 1",
        ),
        (
            lambda: fe.NetworkEnergy((4, 4), [("conv", 3, 3, 0)]),
            ValueError,
            r"layers\[0\]: stride must be at least 1",
        ),
        (
            lambda: fe.NetworkEnergy((4, 4), [("conv", 3, 3, 1, -1)]),
            ValueError,
            r"layers\[0\]: padding must be",
        ),
        (lambda: fe.NetworkEnergy((4, 4), [("conv", 3, 3, 1, 3)]), ValueError, r"layers\[0\]: .*padding 3"),
        (lambda: fe.NetworkEnergy((4, 4), [("pool", 5)]), ValueError, r"layers\[0\]: 'pool' of size 5"),
        (
            lambda: fe.NetworkEnergy(2, [("residual", [("dense", 3)])]),
            ValueError,
            r"layers\[0\]: the layers of a residual sum must keep the shape \(2,\), but give \(3,\)",
        ),
        (
            lambda: fe.NetworkEnergy(2, [("residual", [])]),
            ValueError,
            r"layers\[0\]: the layers of a residual",
        ),
        (lambda: fe.NetworkEnergy(2, [("residual", ["x"])]), ValueError, r"layers\[0\]\[1\]\[0\]"),
        (lambda: fe.NetworkEnergy(2, [("fourier", 3, -1.0)]), ValueError, r"layers\[0\]: scale must be"),
        (lambda: fe.NetworkEnergy(2, ["silu"], dtype="float16"), ValueError, "dtype must be .*float16"),
        (lambda: fe.NetworkEnergy(2, ["silu"], dtype=np.float32), (ValueError, TypeError), "dtype must be"),
        (lambda: fe.NetworkEnergy(2, ["silu"], seed="a"), TypeError, "seed"),
        (lambda: fe.NetworkEnergy(2, ["silu"], base=3), TypeError, "base must be an Energy, got 3"),
        (
            lambda: fe.NetworkEnergy(2, ["silu"], base=fe.Gaussian([0.0])),
            ValueError,
            r"base has n_features=1, but shape \(2,\) has 2",
        ),
        (
            lambda: fe.NetworkEnergy(2, ["silu"], loc=[1.0]),
            ValueError,
            r"loc must be a number or have shape \(2,\)",
        ),
        (lambda: fe.NetworkEnergy(2, ["silu"], loc=np.nan), ValueError, r"loc\[0\] = nan"),
        (lambda: fe.NetworkEnergy(2, ["silu"], loc="a"), TypeError, "loc must be real numbers"),
        (lambda: fe.NetworkEnergy(2, ["silu"], scale=0.0), ValueError, "scale must be positive, got 0.0"),
        (lambda: fe.NetworkEnergy(2, ["silu"], scale=[1.0, -1.0]), ValueError, "scale must be positive"),
        (
            lambda: fe.NetworkEnergy.mlp(2, ()),
            ValueError,
            r"hidden must be a sequence of at least one width, got \(\)",
        ),
        (lambda: fe.NetworkEnergy.mlp(2, (8, -1)), ValueError, "hidden must be at least 1, got -1"),
        (lambda: fe.NetworkEnergy.mlp(2, (8.0,)), TypeError, "hidden must be an integer, got 8.0"),
        (lambda: fe.NetworkEnergy.mlp(2, None), (ValueError, TypeError), "hidden must be a sequence"),
        (lambda: fe.NetworkEnergy.mlp(0), ValueError, "n_features must be at least 1, got 0"),
        (lambda: fe.NetworkEnergy.mlp(2, activation="tanh"), ValueError, r"activation.*'tanh'"),
        (lambda: fe.NetworkEnergy.mlp(2, activation=("dense", 3)), (ValueError, TypeError), "activation"),
        (lambda: fe.NetworkEnergy.conv(64), ValueError, r"image_shape must be \(height, width\).*got 64"),
        (lambda: fe.NetworkEnergy.conv((8, 0)), ValueError, "image_shape must be at least 1, got 0"),
        (lambda: fe.NetworkEnergy.conv((8, 8), ()), ValueError, "channels must be a sequence"),
        (lambda: fe.NetworkEnergy.conv((8, 8), (0,)), ValueError, "channels must be at least 1"),
        (lambda: fe.NetworkEnergy.conv((8, 8), dense=()), ValueError, "dense must be a sequence"),
        (lambda: fe.NetworkEnergy.conv((8, 8), activation="relu"), ValueError, "activation.*'relu'"),
        (
            lambda: fe.NetworkEnergy.conv((8, 8)).energy(np.zeros((2, 63))),
            ValueError,
            "X must have 64|64.*63",
        ),
        (lambda: fe.NetworkEnergy.conv((8, 8)).energy(np.zeros((2, 8, 8))), ValueError, "X.*8, 8"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_without_a_base_there_is_no_density():
    energy = fe.NetworkEnergy.mlp(2, (4,))
    for call in (
        energy.log_partition,
        lambda: energy.log_prob(np.zeros((1, 2))),
        lambda: fe.log_partition(energy),
    ):
        with pytest.raises((NotImplementedError, ValueError), match=r"base|does not converge"):
            call()


def test_architectures_have_every_kind_of_layer():
    seen = set()
    for seed in range(60):
        for layer in architecture(seed)[1]:
            seen.add(layer if isinstance(layer, str) else layer[0])
    assert seen == {"silu", "softplus", "leaky_relu", "dense", "conv", "pool", "fourier", "residual"}
