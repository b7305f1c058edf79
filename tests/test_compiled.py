"""Energies of compiled functions: every kind of pointer, the same bytes as any, and what a bad function is told."""

import ctypes

import numpy as np
import pytest
from fastebm.energies.probe import quartic_functions

import fastebm as fe

ADDRESSES = quartic_functions()
THETA = [1.1, 0.9]
DOUBLES = ctypes.POINTER(ctypes.c_double)
BLOCK = ctypes.CFUNCTYPE(None, DOUBLES, DOUBLES, ctypes.c_ssize_t, ctypes.c_ssize_t, DOUBLES)
SUMMED = ctypes.CFUNCTYPE(None, DOUBLES, DOUBLES, DOUBLES, ctypes.c_ssize_t, ctypes.c_ssize_t, DOUBLES)
REFERENCE = fe.PythonEnergy(
    lambda X, t: t[0] * ((X**2 - t[1]) ** 2).sum(1),
    lambda X, t: 4 * t[0] * (X**2 - t[1]) * X,
    2,
    param_grad=lambda X, t: np.stack([((X**2 - t[1]) ** 2).sum(1), -2 * t[0] * (X**2 - t[1]).sum(1)], axis=1),
    theta=THETA,
)
X = np.random.default_rng(0).normal(size=(700, 2))


def from_ctypes():
    kinds = {"energy": BLOCK, "grad": BLOCK, "param_grad": SUMMED}
    return {name: kinds[name](address) for name, address in ADDRESSES.items()}


def from_cffi():
    cffi = pytest.importorskip("cffi", reason="cffi is not installed")
    ffi = cffi.FFI()
    block = "void(*)(const double *, double *, ptrdiff_t, ptrdiff_t, const double *)"
    summed = "void(*)(const double *, const double *, double *, ptrdiff_t, ptrdiff_t, const double *)"
    return {
        name: ffi.cast(summed if name == "param_grad" else block, address)
        for name, address in ADDRESSES.items()
    }


def from_scipy():
    from scipy import LowLevelCallable

    return {name: LowLevelCallable(function) for name, function in from_ctypes().items()}


def from_capsule():
    from scipy import LowLevelCallable

    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    names = {
        name: f"void ({'double *, ' * (2 + (name == 'param_grad'))}ptrdiff_t, ptrdiff_t, double *)".encode()
        for name in ADDRESSES
    }
    KEPT.extend(names.values())
    return {name: LowLevelCallable(new(address, names[name], None)) for name, address in ADDRESSES.items()}


# A capsule does not own its name.
KEPT: list[bytes] = []


def from_numba():
    numba = pytest.importorskip("numba", reason="numba is not installed")
    from numba import carray, types

    pointer, size = types.CPointer(types.double), types.intp
    block, summed = (types.void(*[pointer] * k, size, size, pointer) for k in (2, 3))

    @numba.cfunc(block)
    def energy(x, out, n, stride, theta):
        x, out = carray(x, (2, stride)), carray(out, (n,))
        for i in range(n):
            out[i] = theta[0] * ((x[0, i] ** 2 - theta[1]) ** 2 + (x[1, i] ** 2 - theta[1]) ** 2)

    @numba.cfunc(block)
    def grad(x, out, n, stride, theta):
        x, out = carray(x, (2, stride)), carray(out, (2, stride))
        for d in range(2):
            for i in range(n):
                out[d, i] = 4.0 * theta[0] * (x[d, i] ** 2 - theta[1]) * x[d, i]

    @numba.cfunc(summed)
    def param_grad(x, weights, acc, n, stride, theta):
        pass

    return {"energy": energy, "grad": grad, "param_grad": None}


KINDS = {
    "address": lambda: ADDRESSES,
    "ctypes": from_ctypes,
    "cffi": from_cffi,
    "LowLevelCallable": from_scipy,
    "capsule": from_capsule,
    "numba": from_numba,
}


def build(functions, **changes):
    return fe.CompiledEnergy(**({"n_features": 2, "theta": THETA} | functions | changes))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_pointer(kind):
    energy = build(KINDS[kind]())
    np.testing.assert_allclose(energy.energy(X), REFERENCE.energy(X), rtol=1e-13)
    np.testing.assert_allclose(energy.grad(X), REFERENCE.grad(X), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(energy.laplacian(X), REFERENCE.laplacian(X), rtol=1e-6)
    if energy.has_param_grad:
        np.testing.assert_allclose(energy.mean_param_grad(X), REFERENCE.mean_param_grad(X), rtol=1e-12)
    a = fe.HMC(0.1, 4).sample(energy, X, 50, seed=1, n_threads=1)
    assert a.tobytes() == fe.HMC(0.1, 4).sample(energy, X, 50, seed=1, n_threads=2).tobytes()
    np.testing.assert_allclose(a[:20], fe.HMC(0.1, 4).sample(REFERENCE, X[:20], 50, seed=1), rtol=1e-6)


def test_it_trains():
    # From within: the quartic wall holds chains that start beyond it.
    data = fe.HMC(0.15, 5).sample(build(ADDRESSES), np.tile(np.clip(X, -1.2, 1.2), (3, 1)), 300, seed=1)
    start = build(ADDRESSES, theta=[2.0, 0.4])
    trainer = fe.ContrastiveDivergence(
        start,
        fe.HMC(0.1, 5),
        n_updates=1500,
        n_steps=2,
        optimizer="adam",
        learning_rate=0.02,
        global_move=None,
    )
    result = trainer.fit(data, seed=2)
    np.testing.assert_allclose(result.theta, THETA, atol=0.12)


def test_functions_live_as_long_as_the_energy():
    energy = build(from_ctypes())
    import copy
    import gc

    other = copy.copy(energy)
    del energy
    gc.collect()
    np.testing.assert_allclose(other.energy(X), REFERENCE.energy(X), rtol=1e-13)


def test_it_is_not_saved_and_says_why(tmp_path):
    with pytest.raises(TypeError, match="compiled functions"):
        fe.save(tmp_path / "energy.npz", build(ADDRESSES))


def python_block(body):
    return BLOCK(body)


def good_energy(x, out, n, stride, theta):
    for i in range(n):
        out[i] = x[i] ** 2 + x[stride + i] ** 2


def good_grad(x, out, n, stride, theta):
    for d in range(2):
        for i in range(n):
            out[d * stride + i] = 2 * x[d * stride + i]


def half_grad(x, out, n, stride, theta):
    for i in range(n):
        out[i] = 2 * x[i]


def wrong_grad(x, out, n, stride, theta):
    for d in range(2):
        for i in range(n):
            out[d * stride + i] = x[d * stride + i]


def dense_grad(x, out, n, stride, theta):
    for d in range(2):
        for i in range(stride):
            out[d * stride + i] = 2 * x[d * stride + i]


def nan_grad(x, out, n, stride, theta):
    for d in range(2):
        for i in range(n):
            out[d * stride + i] = float("nan")


def changing_energy(x, out, n, stride, theta):
    for i in range(n):
        out[i] = x[i]
        x[i] = 0.0


def test_python_callbacks_work_too():
    energy = fe.CompiledEnergy(BLOCK(good_energy), BLOCK(good_grad), 2)
    np.testing.assert_allclose(energy.energy(X[:5]), (X[:5] ** 2).sum(1))


@pytest.mark.parametrize(
    ("energy", "grad", "message"),
    [
        (BLOCK(good_energy), BLOCK(half_grad), "grad does not write all"),
        (BLOCK(good_energy), BLOCK(wrong_grad), "not the gradient"),
        (BLOCK(good_energy), BLOCK(nan_grad), "not a number|not finite|not the gradient"),
        (BLOCK(good_energy), BLOCK(dense_grad), "writes where it should not"),
        (BLOCK(changing_energy), BLOCK(good_grad), "changes x"),
        (BLOCK(), BLOCK(good_grad), "null pointer"),
        (0, BLOCK(good_grad), "null pointer"),
        (SUMMED(ADDRESSES["param_grad"]), BLOCK(good_grad), "has the arguments"),
        (ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda n: None), BLOCK(good_grad), "has the arguments"),
        (good_energy, BLOCK(good_grad), "PythonEnergy"),
        ("energy", BLOCK(good_grad), "compiled function"),
        (True, BLOCK(good_grad), "compiled function"),
    ],
)
def test_bad_functions_are_refused(energy, grad, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fe.CompiledEnergy(energy, grad, 2)


def test_bad_gradient_in_theta():
    functions = dict(ADDRESSES)
    with pytest.raises(ValueError, match="param_grad is not the gradient"):
        build(functions | {"param_grad": SUMMED(lambda x, w, acc, n, stride, theta: None)})
    with pytest.raises(ValueError, match="needs theta"):
        build(functions, theta=None)
    with pytest.raises(ValueError, match="theta"):
        build(functions, theta=[np.nan, 1.0])
    plain = build(functions, param_grad=None)
    assert not plain.has_param_grad
    with pytest.raises(NotImplementedError, match="param_grad"):
        plain.param_grad(X)


def test_wrong_signatures_of_other_kinds():
    cffi = pytest.importorskip("cffi", reason="cffi is not installed")
    ffi = cffi.FFI()
    with pytest.raises(TypeError, match="points to"):
        build({**ADDRESSES, "energy": ffi.cast("void(*)(double)", ADDRESSES["energy"])})
    with pytest.raises(ValueError, match="null"):
        build({**ADDRESSES, "energy": ffi.NULL})
    with pytest.raises(TypeError, match="function"):
        build({**ADDRESSES, "energy": ffi.cast("double *", ADDRESSES["energy"])})


def test_wrong_signature_of_numba():
    numba = pytest.importorskip("numba", reason="numba is not installed")

    @numba.cfunc("double(double)")
    def square(x):
        return x * x

    with pytest.raises(TypeError, match="is compiled as"):
        build({**ADDRESSES, "energy": square})
