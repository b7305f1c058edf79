"""PythonEnergy: a user's functions behind the contract, and their exceptions."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest
from cases import (
    ENERGIES,
    SAMPLERS,
    make_quartic,
    make_ring,
    parametrise,
    quartic_laplacian,
    ring_energy,
    ring_grad,
)
from hypothesis import given, settings
from strategies import seeds, sizes

import fastebm as fe

BLOCK = 65536


class Mine(Exception):
    """An exception that no package knows."""


def square(X):
    return (X**2).sum(axis=1)


def twice(X):
    return 2.0 * X


def recording(shapes, n_features):
    def energy(X):
        shapes.append(X.shape)
        return square(X)

    return fe.PythonEnergy(energy, twice, n_features)


@pytest.mark.parametrize("n_features", [1, 2, 3, 1000, 5000])
def test_blocks(n_features):
    block = max(256, BLOCK // n_features)
    shapes = []
    energy = recording(shapes, n_features)
    assert energy.block_size == block
    n = 2 * block + 1 if n_features < 1000 else 257
    x = np.random.default_rng(1).normal(size=(n, 1)) * np.ones(n_features)
    np.testing.assert_array_equal(energy.energy(x), square(x))
    assert shapes == [(min(block, n - start), n_features) for start in range(0, n, block)]


@pytest.mark.parametrize("n", [1, 255, 256, 257, BLOCK // 2 - 1, BLOCK // 2, BLOCK // 2 + 1])
def test_the_functions_see_every_sample_once_and_in_order(n):
    x = np.random.default_rng(n).normal(size=(n, 2))
    energy, seen = make_ring(), []

    def keep(X):
        seen.append(X.copy())
        # The caller's array is safe from a function that scribbles on its own.
        result = ring_energy(X)
        X[:] = np.nan
        return result

    before = x.copy()
    kept = fe.PythonEnergy(keep, ring_grad, 2).energy(x)
    np.testing.assert_array_equal(np.concatenate(seen), x)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(kept, energy.energy(x))
    np.testing.assert_array_equal(energy.grad(x), ring_grad(x))


@settings(max_examples=20)
@given(sizes, seeds)
def test_a_given_laplacian_is_used_and_the_default_agrees_with_it(n, seed):
    x = np.random.default_rng(seed).uniform(-2, 2, n)
    default = fe.PythonEnergy(lambda X: (X**2 - 1.0) ** 2, lambda X: 4.0 * (X**2 - 1.0) * X)
    exact = make_quartic().laplacian(x)
    np.testing.assert_array_equal(exact, quartic_laplacian(x))
    np.testing.assert_allclose(default.laplacian(x), exact, rtol=1e-8, atol=1e-8)


RETURNS = {
    "flat": lambda X: square(X),
    "column": lambda X: square(X)[:, None],
    "list": lambda X: square(X).tolist(),
    "float32": lambda X: square(X).astype(np.float32).astype(float),
    "Fortran column": lambda X: np.asfortranarray(square(X)[:, None]),
    "strided": lambda X: np.repeat(square(X), 2)[::2],
}


@pytest.mark.parametrize("kind", RETURNS)
def test_what_a_function_may_return(kind):
    x = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(fe.PythonEnergy(RETURNS[kind], twice, 2).energy(x), square(x))


def test_a_gradient_in_one_feature_may_be_flat():
    energy = fe.PythonEnergy(square, lambda X: 2.0 * X[:, 0])
    np.testing.assert_array_equal(energy.grad([1.0, 2.0]), [2.0, 4.0])
    np.testing.assert_array_equal(energy.grad([[1.0], [2.0]]), [[2.0], [4.0]])


def bad_return(value):
    return lambda X: value


BAD_RETURNS = {
    "None": (bad_return(None), TypeError, "None"),
    "a number": (bad_return(1.0), ValueError, r"got \(\)"),
    "text": (bad_return("abc"), TypeError, "abc"),
    "too short": (lambda X: square(X)[1:], ValueError, r"must return shape \(3,\), got \(2,\)"),
    "too long": (lambda X: np.append(square(X), 0.0), ValueError, r"got \(4,\)"),
    "the gradient's shape": (twice, ValueError, r"must return shape \(3,\), got \(3, 2\)"),
    "transposed": (lambda X: square(X)[None], ValueError, r"got \(1, 3\)"),
    "objects": (lambda X: square(X).astype(object), TypeError, "object"),
    "complex": (lambda X: square(X) + 0j, TypeError, "complex"),
    "ragged": (bad_return([[1.0], [1.0, 2.0], [1.0]]), ValueError, "rectangular"),
    "masked": (lambda X: np.ma.array(square(X), mask=True), ValueError, "masked"),
    "NaN": (lambda X: square(X) * np.nan, fe.NonFiniteError, "not finite for sample 0"),
    "infinity": (lambda X: np.append(square(X)[1:], np.inf), fe.NonFiniteError, "not finite for sample 2"),
}


@pytest.mark.parametrize("kind", BAD_RETURNS)
def test_a_bad_return_value_is_refused(kind):
    function, error, message = BAD_RETURNS[kind]
    x = np.arange(6.0).reshape(3, 2)
    with pytest.raises(error, match=message) as caught:
        fe.PythonEnergy(function, twice, 2).energy(x)
    assert "energy" in str(caught.value)
    with pytest.raises(error, match=message):
        fe.PythonEnergy(square, twice, 2, laplacian=function).laplacian(x)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (square, ValueError, r"grad\(X\) must return shape \(3, 2\), got \(3,\)"),
        (lambda X: X.T, ValueError, r"got \(2, 3\)"),
        (lambda X: X[:, :1], ValueError, r"got \(3, 1\)"),
        (bad_return(None), TypeError, r"grad\(X\)"),
        (lambda X: X * np.nan, fe.NonFiniteError, "grad is not finite for sample 0"),
    ],
)
def test_a_bad_gradient_is_refused(function, error, message):
    with pytest.raises(error, match=message):
        fe.PythonEnergy(square, function, 2).grad(np.arange(6.0).reshape(3, 2))


@pytest.mark.parametrize("name", ["energy", "grad", "laplacian"])
@pytest.mark.parametrize("function", [1, "square", np.zeros(3)], ids=lambda f: type(f).__name__)
def test_functions_must_be_callable(name, function):
    arguments = {"energy": square, "grad": twice, "n_features": 2, "laplacian": None} | {name: function}
    with pytest.raises(TypeError, match=f"{name} must be callable"):
        fe.PythonEnergy(**arguments)


def test_energy_and_grad_are_required():
    for arguments in ((None, twice), (square, None)):
        with pytest.raises(TypeError, match="must be callable, got None"):
            fe.PythonEnergy(*arguments)
    with pytest.raises(TypeError):
        fe.PythonEnergy(square)


@pytest.mark.parametrize("n_features", [0, -1, 1.5, "2", None, True])
def test_bad_n_features(n_features):
    with pytest.raises((ValueError, TypeError), match="n_features must be"):
        fe.PythonEnergy(square, twice, n_features)


def test_it_has_no_parameters():
    energy = make_ring()
    x = np.zeros((3, 2))
    assert energy.n_params == 0 and energy.param_names == () and energy.theta.shape == (0,)
    assert energy.param_grad(x).shape == (3, 0) and energy.mean_param_grad(x).shape == (0,)
    energy.theta = []
    with pytest.raises(ValueError, match=r"theta must have shape \(0,\)"):
        energy.theta = [1.0]
    with pytest.raises(ValueError, match="no parameters to train"):
        fe.ContrastiveDivergence(energy)


# ---- exceptions ----


def failing(after, error, n_features=1):
    """An energy whose functions raise from the given call on, counted over both."""
    lock, calls = threading.Lock(), [0]

    def count():
        with lock:
            calls[0] += 1
            if calls[0] > after:
                raise error

    def energy(X):
        count()
        return square(X)

    def grad(X):
        count()
        return twice(X)

    return fe.PythonEnergy(energy, grad, n_features, laplacian=energy)


@pytest.mark.parametrize(
    "error",
    [Mine("why"), KeyError("k"), ValueError("v"), KeyboardInterrupt(), SystemExit(3), StopIteration()],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.parametrize("name", ["energy", "grad", "laplacian"])
def test_an_exception_arrives_as_itself(name, error):
    energy = failing(0, error)
    with pytest.raises(type(error)) as caught:
        getattr(energy, name)([1.0, 2.0])
    assert caught.value is error
    # Nothing is left for the next caller on this thread.
    assert energy.take_failure() is None


def test_the_traceback_leads_to_the_users_line():
    def divide(X):
        return 1 // 0

    with pytest.raises(ZeroDivisionError) as caught:
        fe.PythonEnergy(divide, twice).energy([1.0])
    assert caught.traceback[-1].name == "divide"


def test_an_exception_in_a_later_block():
    error = Mine("second")
    with pytest.raises(Mine) as caught:
        failing(1, error).energy(np.zeros(BLOCK + 1))
    assert caught.value is error


def test_the_energy_can_be_used_again():
    error, broken = Mine("once"), [True]

    def energy(X):
        if broken[0]:
            raise error
        return square(X)

    made = fe.PythonEnergy(energy, twice)
    for _ in range(2):
        with pytest.raises(Mine):
            made.energy([2.0])
    broken[0] = False
    assert made.energy([2.0])[0] == 4.0


@parametrise("sampler", SAMPLERS)
@pytest.mark.parametrize("after", [0, 1, 2, 7])
@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_an_exception_inside_a_sampler_arrives_as_itself(sampler, after, n_threads):
    error = Mine("inside")
    x0 = np.zeros(3 * BLOCK if n_threads > 1 else 300)
    before = x0.copy()
    with pytest.raises(Mine) as caught:
        sampler.make(1).sample(failing(after, error), x0, 10, seed=1, n_threads=n_threads)
    assert caught.value is error
    np.testing.assert_array_equal(x0, before)


@parametrise("sampler", SAMPLERS)
def test_an_exception_on_a_helper_thread_arrives_as_itself(sampler):
    # The first block runs on the calling thread alone; this one raises elsewhere only.
    error, caller, started = Mine("helper"), threading.get_ident(), threading.Event()

    def guard():
        if threading.get_ident() != caller:
            started.set()
            raise error
        # Slow enough that helpers are worth starting, until one has.
        started.wait(0.01)

    def energy(X):
        guard()
        return square(X)

    def grad(X):
        guard()
        return twice(X)

    made = fe.PythonEnergy(energy, grad, 1)
    with pytest.raises(Mine) as caught:
        sampler.make(1).sample(made, np.zeros(8 * BLOCK), 2, seed=1, n_threads=2)
    assert caught.value is error
    assert started.is_set()


@parametrise("sampler", SAMPLERS)
def test_a_nan_inside_a_sampler_is_an_error(sampler):
    # A Metropolis sampler may never look at the gradient, another never at the energy.
    energy = fe.PythonEnergy(lambda X: square(X) * np.nan, lambda X: X * np.nan, 1)
    with pytest.raises(fe.NonFiniteError):
        sampler.make(1).sample(energy, np.zeros(10), 3, seed=1)


@parametrise("sampler", SAMPLERS)
def test_a_wrong_shape_inside_a_sampler_is_an_error(sampler):
    energy = fe.PythonEnergy(lambda X: square(X)[1:], lambda X: X[1:], 1)
    with pytest.raises(ValueError, match="must return shape"):
        sampler.make(1).sample(energy, np.zeros(10), 3, seed=1)


@parametrise("sampler", SAMPLERS)
def test_other_threads_run_while_a_function_waits(sampler):
    # Each run goes on only when the other has entered its function.
    barrier = threading.Barrier(2, timeout=60)
    failures = []

    def run():
        def energy(X):
            if first:
                first.pop()
                barrier.wait()
            return square(X)

        def grad(X):
            if first:
                first.pop()
                barrier.wait()
            return twice(X)

        first = [True]
        try:
            sampler.make(1).sample(fe.PythonEnergy(energy, grad), np.zeros(4), 3, seed=1, n_threads=1)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# ---- against the compiled energy ----


@parametrise("sampler", SAMPLERS)
@pytest.mark.parametrize("n", [1, 257])
def test_a_wrapped_energy_gives_the_chains_of_the_energy_itself(sampler, n):
    wells = ENERGIES[0].make()
    wrapped = fe.PythonEnergy(wells.energy, wells.grad, 1)
    x0 = np.random.default_rng(1).uniform(-1, 1, n)
    np.testing.assert_array_equal(
        sampler.make(1).sample(wrapped, x0, 5, seed=3), sampler.make(1).sample(wells, x0, 5, seed=3)
    )


def test_a_lambda_says_why_it_does_not_pickle():
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        pickle.dumps(fe.PythonEnergy(lambda X: square(X), twice))


# ---- with parameters ----


def tilted(**options):
    return fe.PythonEnergy(
        lambda X, t: t[0] * (X**2).sum(axis=1) + t[1] * X[:, 0],
        lambda X, t: 2 * t[0] * X + np.array([t[1], 0.0]),
        2,
        theta=[1.0, 0.5],
        **options,
    )


def each(X, t):
    return np.stack([(X**2).sum(axis=1), X[:, 0]], axis=1)


def summed(X, t, weights):
    return np.array([weights @ column for column in each(X, t).T])


def test_both_forms_of_the_gradient_in_theta_agree():
    x = np.random.default_rng(1).normal(size=(300, 2))
    a, b = tilted(param_grad=each), tilted(param_grad_sum=summed)
    np.testing.assert_array_equal(a.param_grad(x), each(x, None))
    np.testing.assert_array_equal(b.param_grad(x), each(x, None))
    np.testing.assert_allclose(a.mean_param_grad(x), b.mean_param_grad(x), rtol=1e-13)
    for energy in (a, b):
        assert energy.has_param_grad and energy.n_params == 2
        assert fe.check_grad(energy, x[:9]).ok
        energy.theta = [2.0, -1.0]
        np.testing.assert_allclose(energy.energy(x), 2 * (x**2).sum(axis=1) - x[:, 0])


def test_theta_is_a_copy_for_the_functions():
    def greedy(X, t):
        t[:] = 9.0
        return (X**2).sum(axis=1)

    energy = fe.PythonEnergy(greedy, lambda X, t: 2 * X, 2, theta=[1.0])
    energy.energy([[1.0, 2.0]])
    assert energy.theta == [1.0]


def test_with_parameters_it_is_copied_and_compared():
    energy = tilted(param_grad=each)
    energy.theta = [3.0, 4.0]
    other = copy.copy(energy)
    assert other == energy and other.theta.tolist() == [3.0, 4.0]
    other.theta = [3.0, 5.0]
    assert other != energy
    with pytest.raises(TypeError, match="made of Python functions"):
        fe.save("nowhere.npz", energy)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"param_grad": lambda X, t: np.zeros((len(X), 3))},
            r"param_grad\(X, theta\) must return shape \(4, 2\)",
        ),
        ({"param_grad": lambda X, t: np.zeros(len(X))}, r"must return shape \(4, 2\), got \(4,\)"),
        (
            {"param_grad_sum": lambda X, t, w: np.zeros(3)},
            r"theta, weights\) must return shape \(2,\), got \(3,\)",
        ),
    ],
)
def test_a_gradient_in_theta_of_the_wrong_shape(options, message):
    for ask in ("param_grad", "mean_param_grad"):
        if "param_grad_sum" not in options or ask == "mean_param_grad":
            with pytest.raises(ValueError, match=message):
                getattr(tilted(**options), ask)(np.zeros((4, 2)))


def test_a_gradient_in_theta_that_is_not_finite_or_fails():
    with pytest.raises(fe.NonFiniteError, match="param_grad is not finite for sample 0"):
        tilted(param_grad=lambda X, t: np.full((len(X), 2), np.inf)).param_grad(np.zeros((4, 2)))

    def broken(X, t):
        raise KeyError("mine")

    for ask in ("param_grad", "mean_param_grad"):
        with pytest.raises(KeyError, match="mine"):
            getattr(tilted(param_grad=broken), ask)(np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"param_grad": each, "param_grad_sum": summed}, ValueError, "two forms of the same gradient"),
        ({"param_grad": 3}, TypeError, "param_grad must be callable, got 3"),
        ({"theta": [], "param_grad": each}, ValueError, "theta must have shape"),
        ({"theta": [[1.0]], "param_grad": each}, ValueError, "theta must have shape"),
        ({"theta": [np.nan], "param_grad": each}, ValueError, r"theta\[0\] = nan"),
        ({"theta": None, "param_grad": each}, ValueError, "needs theta"),
    ],
)
def test_bad_parameters(options, error, message):
    with pytest.raises(error, match=message):
        fe.PythonEnergy(lambda X, t: X[:, 0], lambda X, t: X, 1, **({"theta": [1.0]} | options))
