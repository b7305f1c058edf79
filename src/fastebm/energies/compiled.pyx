"""A user's own compiled functions behind the energy contract."""

import ctypes
import math

import numpy as np

from libc.math cimport NAN
from libc.stdint cimport uintptr_t

from .._runtime.check import describe, first_bad, integer, numeric

cimport cython

from .._runtime.fast cimport address
from .base cimport Energy

ctypedef void (*Block)(const double* x, double* out, Py_ssize_t n, Py_ssize_t stride,
                       const double* theta) noexcept nogil
ctypedef void (*Summed)(const double* x, const double* weights, double* acc, Py_ssize_t n, Py_ssize_t stride,
                        const double* theta) noexcept nogil

# What is written between and behind the samples of a trial; no computation leaves it there.
cdef double UNTOUCHED = -7.25310912e77
# Largest relative difference of grad from differences of energy, and of param_grad, in a trial.
cdef double TOLERANCE = 1e-4

BLOCK = "void(const double *x, double *out, ptrdiff_t n, ptrdiff_t stride, const double *theta)"
SUMMED = "void(const double *x, const double *weights, double *acc, ptrdiff_t n, ptrdiff_t stride, const double *theta)"


@cython.final
cdef class CompiledEnergy(Energy):
    """An energy given by compiled functions, at the speed of those that are built in.

    Parameters
    ----------
    energy : pointer
        ``void energy(const double *x, double *out, ptrdiff_t n, ptrdiff_t stride, const double *theta)``: writes E of
        sample i to ``out[i]``. A ctypes function, a cffi pointer, a Numba ``cfunc``, a SciPy ``LowLevelCallable`` or an
        address as an int.
    grad : pointer
        Of the same signature: writes dE/dx_d of sample i to ``out[d * stride + i]``.
    n_features : int, default 1
        Dimension of x.
    param_grad : pointer, optional
        ``void param_grad(const double *x, const double *weights, double *acc, ptrdiff_t n, ptrdiff_t stride, const
        double *theta)``: adds to ``acc[p]`` the sum over the samples of ``weights[i]`` (1 where weights is NULL) times
        dE/dtheta_p. With it the energy can be trained.
    laplacian : pointer, optional
        Of the signature of energy: the trace of the Hessian in x. Without it, central differences of grad are used.
    theta : array-like of shape (n_params,), optional
        The parameters.
    check : bool, default True
        Try the functions at a few points first: that they write what they should and nothing else, and that the
        gradients are those of the energy.

    Raises
    ------
    TypeError, ValueError
        If something is not a pointer to a function, is null, has another signature (as far as the pointer tells), or
        fails the trial.

    Notes
    -----
    A block holds samples side by side: feature d of sample i is ``x[d * stride + i]``, 0 <= i < n <= stride. The
    functions are called without the GIL and from several threads at once: they must not call Python, allocate, or keep
    anything. Pointers do not overlap. For the same bytes on every machine, result i must depend on sample i alone.

    Examples
    --------
    >>> import ctypes, fastebm as fe
    >>> signature = ctypes.CFUNCTYPE(None, *[ctypes.POINTER(ctypes.c_double)] * 2, *[ctypes.c_ssize_t] * 2,
    ...                              ctypes.POINTER(ctypes.c_double))
    >>> @signature  # stands for a function of a compiled library
    ... def energy(x, out, n, stride, theta):
    ...     for i in range(n):
    ...         out[i] = x[i] ** 2
    >>> @signature
    ... def grad(x, out, n, stride, theta):
    ...     for i in range(n):
    ...         out[i] = 2 * x[i]
    >>> fe.CompiledEnergy(energy, grad).energy([3.0])
    array([9.])
    """

    unsaved = "it is made of compiled functions, and a file holds only numbers; save its arguments and build it anew"

    cdef Block energy_function
    cdef Block grad_function
    cdef Block laplacian_function
    cdef Summed param_grad_function
    # The objects behind the pointers, which must live as long as these.
    cdef object given

    def __init__(self, energy, grad, n_features=1, *, param_grad=None, laplacian=None, theta=None, check=True):
        cdef Py_ssize_t features = integer(n_features, "n_features", 1, 1_000_000)
        start = None
        if theta is not None:
            start = np.atleast_1d(numeric(theta, "theta"))
            if start.ndim != 1 or not start.size:
                raise ValueError(f"theta must have shape (n_params,) with at least one entry, got {start.shape}")
            first_bad(start, "theta")
        elif param_grad is not None:
            raise ValueError("param_grad needs theta, the parameters to start from")
        found = {name: _pointer(value, name, 6 if name == "param_grad" else 5)
                 for name, value in (("energy", energy), ("grad", grad), ("param_grad", param_grad),
                                     ("laplacian", laplacian)) if value is not None or name in ("energy", "grad")}
        self.allocate(features, 0 if start is None else start.size)
        self.block_size = max(32, min(512, 65536 // (4 * features) & ~7))
        self.energy_function = <Block><uintptr_t>found["energy"]
        self.grad_function = <Block><uintptr_t>found["grad"]
        self.laplacian_function = <Block><uintptr_t>found.get("laplacian", 0)
        self.param_grad_function = <Summed><uintptr_t>found.get("param_grad", 0)
        self.given = {"energy": energy, "grad": grad, "param_grad": param_grad, "laplacian": laplacian}
        if start is not None:
            self.theta = start
        if check:
            self.trial()

    @property
    def has_param_grad(self):
        """Was a gradient in theta given?"""
        return self.param_grad_function is not NULL

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.energy_function(x, out, n, stride, self.theta_ptr)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.grad_function(x, out, n, stride, self.theta_ptr)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.laplacian_function is NULL:
            return Energy.laplacian_block(self, x, out, work, n, stride)
        self.laplacian_function(x, out, n, stride, self.theta_ptr)
        return 0

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.n_params == 0:
            return 0
        if self.param_grad_function is NULL:
            with gil:
                return self.fail(NotImplementedError("this CompiledEnergy has theta, but no gradient in it: give "
                                                     "param_grad"))
        self.param_grad_function(x, weights, acc, n, stride, self.theta_ptr)
        return 0

    def trial(self):
        """Try the functions; raise ValueError if they do not do what the contract says."""
        cdef Py_ssize_t n = 3, stride = 8, features = self.n_features
        x = np.zeros(features * stride)
        rows = np.random.default_rng(0).uniform(-1.0, 1.0, (n, features))
        x.reshape(features, stride)[:, :n] = rows.T
        before = x.copy()
        for name, width in (("energy", 1), ("grad", int(features)), ("laplacian", 1)):
            if name == "laplacian" and self.laplacian_function is NULL:
                continue
            out = np.full((width + 1) * stride, UNTOUCHED)
            if name == "energy":
                self.energy_function(address(x), address(out), n, stride, self.theta_ptr)
            elif name == "grad":
                self.grad_function(address(x), address(out), n, stride, self.theta_ptr)
            else:
                self.laplacian_function(address(x), address(out), n, stride, self.theta_ptr)
            table = out.reshape(-1, stride)
            if (table[:width, :n] == UNTOUCHED).any():
                raise ValueError(f"{name} does not write all of its results: out[d * stride + i] for every feature d "
                                 "and sample i < n")
            if (table[:width, n:] != UNTOUCHED).any() or (table[width:] != UNTOUCHED).any():
                raise ValueError(f"{name} writes where it should not: only out[d * stride + i] with i < n (is it "
                                 f"compiled for n_features={features}, with this signature: {BLOCK}?)")
            if not (x == before).all():
                raise ValueError(f"{name} changes x; it must only read it")
        self._agrees("grad", rows)
        if self.param_grad_function is not NULL:
            self._agrees("param_grad", rows)

    def _agrees(self, name, rows):
        # Against central differences, along a random direction.
        rng = np.random.default_rng(1)
        step = 1e-5
        with np.errstate(all="ignore"):
            if name == "grad":
                along = rng.choice([-1.0, 1.0], rows.shape)
                ends = [self._try_energy(rows + s * step * along) for s in (1.0, -1.0)]
                if not all([np.isfinite(e).all() for e in ends]):
                    return
                slope = (self.grad(rows).reshape(rows.shape) * along).sum(axis=1)
            else:
                theta = self.theta
                along = rng.choice([-1.0, 1.0], theta.shape)
                ends = []
                try:
                    for s in (1.0, -1.0):
                        self.theta = theta + s * step * along
                        ends.append(self._try_energy(rows))
                finally:
                    self.theta = theta
                if not all([np.isfinite(e).all() for e in ends]):
                    return
                slope = self.param_grad(rows) @ along
            wanted = (ends[0] - ends[1]) / (2.0 * step)
            # Rounding of the energies, over the step, is no fault of the gradient.
            noise = 1e-10 * (np.abs(ends[0]) + np.abs(ends[1])) / step
        off = np.abs(slope - wanted) - TOLERANCE * (1.0 + np.abs(wanted)) - noise
        if not (off <= 0).all():
            i = int(np.argmax(np.nan_to_num(off, nan=math.inf)))
            raise ValueError(
                f"{name} is not the gradient of energy: at x={rows[i].tolist()} it gives a slope of {slope[i]:.6g}, "
                f"where differences of the energy give {wanted[i]:.6g}; correct it, or pass check=False for an energy "
                "with kinks"
            )

    def _try_energy(self, rows):
        cdef Py_ssize_t n = len(rows)
        x = np.ascontiguousarray(rows.T).reshape(-1)
        out = np.full(n, NAN)
        self.energy_function(address(x), address(out), n, n, self.theta_ptr)
        return out

    def _arguments(self):
        arguments = {"n_features": self.n_features, "check": False}
        arguments |= {name: value for name, value in self.given.items() if value is not None}
        return arguments | ({"theta": self.theta.tolist()} if self.n_params else {})

    def __reduce__(self):
        raise TypeError(f"a CompiledEnergy cannot be pickled: {self.unsaved}")

    def __repr__(self):
        return f"CompiledEnergy(n_features={self.n_features}, n_params={self.n_params})"


def _pointer(value, name, n_arguments):
    """The address of a function given in one of several ways; what its type tells is checked."""
    signature = SUMMED if n_arguments == 6 else BLOCK
    found = None
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        found = int(value)
    elif isinstance(value, ctypes._CFuncPtr):
        declared = value.argtypes
        if declared is not None and not _suits([_ctypes_kind(t) for t in declared], n_arguments):
            raise TypeError(f"{name} has the arguments {[t.__name__ for t in declared]}, but must be {signature}")
        found = ctypes.cast(value, ctypes.c_void_p).value or 0
    elif hasattr(value, "address") and hasattr(value, "native_name"):
        # A Numba cfunc.
        kinds = ["pointer" if "*" in str(t) or "CPointer" in str(t) else "integer" if "int" in str(t) else str(t)
                 for t in value._sig.args]
        if not _suits(kinds, n_arguments):
            raise TypeError(f"{name} is compiled as {value._sig}, but must be {signature}")
        found = int(value.address)
    elif isinstance(value, tuple) and type(value).__name__ == "LowLevelCallable":
        return _from_capsule(value, name, n_arguments, signature)
    elif type(value).__module__ == "_cffi_backend":
        found = _from_cffi(value, name, n_arguments, signature)
    if found is None:
        raise TypeError(
            f"{name} must be a compiled function: a ctypes function, a cffi pointer, a Numba cfunc, a SciPy "
            f"LowLevelCallable or an address, got {describe(value)}"
            + ("; for functions in Python use PythonEnergy" if callable(value) else "")
        )
    if found <= 0:
        raise ValueError(f"{name} is a null pointer")
    return found


def _ctypes_kind(kind):
    if issubclass(kind, (ctypes._Pointer, ctypes.c_void_p)) or hasattr(kind, "_ndim_"):
        return "pointer"
    return "integer" if issubclass(kind, (ctypes.c_ssize_t, ctypes.c_size_t, ctypes.c_longlong)) else kind.__name__


def _suits(kinds, n_arguments):
    pointers = 2 if n_arguments == 5 else 3
    return list(kinds) == ["pointer"] * pointers + ["integer", "integer", "pointer"]


def _kinds(types):
    """Of C types by name, as cffi and SciPy have them."""
    sizes = (["long"], ["ptrdiff_t"], ["ssize_t"], ["int64_t"])
    return ["pointer" if "*" in k else "integer" if k.split()[-1:] in sizes else k.strip() for k in types]


def _from_cffi(value, name, n_arguments, signature):
    text = repr(value)
    # cffi says what it points at: <cdata 'void(*)(double *, ...)' 0x...>.
    inside = text.partition("'")[2].rpartition("'")[0]
    kinds = inside.partition("(*)(")[2].rpartition(")")[0].split(",")
    named = _kinds(kinds)
    if inside.startswith("void *"):
        named = None
    elif "(*)(" not in inside:
        raise TypeError(f"{name} must point to a function, got {describe(value)}")
    if named is not None and not _suits(named, n_arguments):
        raise TypeError(f"{name} points to {inside}, but must be {signature}")
    import _cffi_backend

    kind = _cffi_backend.new_primitive_type("uintptr_t")
    return int(_cffi_backend.cast(kind, value))


def _from_capsule(value, name, n_arguments, signature):
    given = value.function
    if given is not None and type(given).__module__ != "builtins":
        return _pointer(given, name, n_arguments)
    capsule = tuple.__getitem__(value, 0)
    named = ctypes.pythonapi.PyCapsule_GetName
    named.restype, named.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    text = named(capsule)
    if text is not None:
        kinds = text.decode().partition("(")[2].rpartition(")")[0].split(",")
        if not _suits(_kinds(kinds), n_arguments):
            raise TypeError(f"{name} is declared as {text.decode()!r}, but must be {signature}")
    return pointer(capsule, text)
