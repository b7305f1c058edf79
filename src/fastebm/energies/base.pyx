"""The energy contract, and everything that all energies share."""

cimport cython
from libc.math cimport fabs
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

import math
from threading import get_ident

import numpy as np

from .._runtime.check import check_heap_type, describe, finite_result, samples, vector
from .display import energy_html

from .._runtime.fast cimport address, finite
from ..kernels.directions cimport move_along, step_lengths
from ..kernels.layout cimport gather, scatter
from ..kernels.scratch cimport aligned

cdef enum Quantity:
    ENERGY, GRAD, PARAM_GRAD, MEAN_PARAM_GRAD, LAPLACIAN

# Sum(first, second): set by `sum`, which knows the contract, not the other way round.
cdef object add = None

OVERFLOW_ADVICE = "the true value is beyond the range of float64, or theta is extreme; rescale the data"


def set_add(function):
    """Tell the contract what ``energy + energy`` is."""
    global add
    add = function


# ---- the boundary: check, convert, run without the GIL, check the result ----

cdef int run_blocks(Energy energy, Quantity what, const double* rows, double* out, double* scratch,
                    Py_ssize_t n, Py_ssize_t size, Py_ssize_t stride) noexcept nogil:
    cdef Py_ssize_t start = 0, i, p, m, n_features = energy.n_features, n_params = energy.n_params
    cdef double* x = scratch
    cdef double* result = x + n_features * stride
    cdef double* sums = result + n_features * stride
    cdef double* work = sums + ((n_params + 7) & ~7)
    cdef int status = 0
    while start < n and not status:
        m = min(size, n - start)
        gather(rows + start * n_features, x, m, n_features, stride)
        if what == ENERGY:
            status = energy.energy_block(x, out + start, work, m, stride)
        elif what == LAPLACIAN:
            status = energy.laplacian_block(x, out + start, work, m, stride)
        elif what == GRAD:
            status = energy.grad_block(x, result, work, m, stride)
            scatter(result, out + start * n_features, m, n_features, stride)
        elif what == MEAN_PARAM_GRAD:
            memset(sums, 0, n_params * sizeof(double))
            status = energy.param_grad_block(x, NULL, sums, work, m, stride)
            for p in range(n_params):
                out[p] += sums[p]
        else:
            for i in range(m):
                status |= energy.param_grad_block(x + i, NULL, out + (start + i) * n_params, work, 1, stride)
        start += m
    if what == MEAN_PARAM_GRAD:
        for p in range(n_params):
            out[p] /= n
    return status


cdef evaluate(Energy energy, Quantity what, X, tuple shape, str name, bint walls=False):
    # A None in shape stands for the number of samples. With walls, infinity is a result.
    cdef Py_ssize_t n, size, stride
    cdef const double[:, ::1] rows
    cdef double[::1] out, scratch
    cdef int status
    energy._check_ready()
    array, flat = samples(X, energy.n_features)
    n = array.shape[0]
    size = min(energy.block_size, n)
    stride = (size + 7) & ~7
    shape = (n,) if flat and what == GRAD else tuple([n if s is None else s for s in shape])
    result = np.zeros(shape)
    if result.size == 0:
        return result
    # x, a result and the sums of a block, then work.
    scratch = np.empty(2 * energy.n_features * stride + energy.n_params + 8 + energy.work_size(stride) + 8)
    rows = array
    out = result.reshape(-1)
    with nogil:
        status = run_blocks(energy, what, &rows[0, 0], &out[0], aligned(&scratch[0]), n, size, stride)
    if status:
        energy.raise_failure()
    if finite(&out[0], result.size):
        return result
    if walls and not (np.isnan(result) | (result == -np.inf)).any():
        return result
    finite_result(result if what != MEAN_PARAM_GRAD else result.reshape(1, -1), name, OVERFLOW_ADVICE)
    return result


cdef class Energy:
    """An energy function E(x), which stands for the density exp(-E(x)) / Z.

    This is the contract; use a concrete energy such as `WellMixture` or `PythonEnergy`. Below, X is array-like of shape
    (n_samples, n_features); for ``n_features == 1`` one of shape (n_samples,) is accepted and results come back 1-D.

    Attributes
    ----------
    n_features, n_params, rounding : int, int, float
        Dimension of x; number of parameters; relative rounding of what it computes: 2^-52, or 2^-23 in float32.
    has_param_grad, has_log_partition, has_exact_sample : bool
        Can it be trained; is log Z known in closed form; can it be sampled directly?
    modes : ndarray of shape (n_modes, n_features) or None
        Centres of its modes, where they are known; then `mode_shares` and `mode_scales` have a row for each.

    Examples
    --------
    >>> import fastebm as fe; fe.WellMixture().grad([0.5, 1.0]).shape
    (2,)
    """

    def __dealloc__(self):
        free(self.theta_ptr)

    cdef int allocate(self, Py_ssize_t n_features, Py_ssize_t n_params) except -1:
        if self.theta_ptr is not NULL:
            raise TypeError(f"{type(self).__name__} is already initialised")
        check_heap_type(type(self))
        self.theta_ptr = <double*>calloc(max(n_params, 1), sizeof(double))
        if self.theta_ptr is NULL:
            raise MemoryError
        self.n_features = n_features
        self.n_params = n_params
        if self.block_size == 0:
            self.block_size = 256
        if self.rounding == 0.0:
            self.rounds_to(2.0 ** -52)
        return 0

    cdef void rounds_to(self, double rounding):
        cdef int bits = round(-math.log2(rounding))
        self.rounding = math.ldexp(1.0, -bits)
        self.first_step, self.second_step = math.ldexp(1.0, -round(bits / 3)), math.ldexp(1.0, -round(bits / 4))

    cdef void prepare(self) noexcept nogil:
        pass

    cdef void load_theta(self, const double* theta) noexcept nogil:
        memcpy(self.theta_ptr, theta, self.n_params * sizeof(double))
        self.prepare()

    cdef int fail(self, object error) noexcept:
        if self.failures is None:
            self.failures = {}
        self.failures[get_ident()] = error
        return -1

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        return 0

    @cython.final
    cdef Py_ssize_t work_size(self, Py_ssize_t n) noexcept nogil:
        # The default laplacian's two moved copies of the block and two gradients come first.
        return 4 * self.n_features * n + self.scratch_size(n)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        with gil:
            return self.fail(_missing(self, "energy_block"))

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        with gil:
            return self.fail(_missing(self, "grad_block"))

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.energy_block(x, energy, work, n, stride):
            return -1
        return self.grad_block(x, grad, work, n, stride)

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.n_params == 0:
            return 0
        with gil:
            return self.fail(_missing(self, "param_grad_block"))

    cdef int directional_param_grad_block(self, const double* x, const double* v, const double* weights, double* acc,
                                          double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # Central differences along v, of blocks moved in work.
        cdef Py_ssize_t i, _side, features = self.n_features
        cdef double* step = work + features * stride
        cdef double* by = step + stride
        cdef double* rest = work + 4 * features * stride
        cdef double sign = 1.0
        step_lengths(x, v, step, features, n, stride, self.first_step)
        for _side in range(2):
            move_along(x, v, step, work, features, n, stride, sign)
            for i in range(n):
                by[i] = 0.0 if step[i] == 0.0 else sign * (1.0 if weights is NULL else weights[i]) / (2.0 * step[i])
            if self.param_grad_block(work, by, acc, rest, n, stride):
                return -1
            sign = -1.0
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # Central differences with delta = 6e-6 (1 + |x|), about the cube root of the machine epsilon.
        cdef Py_ssize_t d, i, width = self.n_features * stride
        cdef double* low = work
        cdef double* high = low + width
        cdef double* glow = high + width
        cdef double* ghigh = glow + width
        cdef double* rest = ghigh + width
        cdef double delta
        memset(out, 0, n * sizeof(double))
        for d in range(self.n_features):
            memcpy(low, x, width * sizeof(double))
            memcpy(high, x, width * sizeof(double))
            for i in range(n):
                delta = 6e-6 * (1.0 + fabs(x[d * stride + i]))
                low[d * stride + i] -= delta
                high[d * stride + i] += delta
            if self.grad_block(low, glow, rest, n, stride) or self.grad_block(high, ghigh, rest, n, stride):
                return -1
            for i in range(n):
                out[i] += ((ghigh[d * stride + i] - glow[d * stride + i])
                           / (high[d * stride + i] - low[d * stride + i]))
        return 0

    cdef void identifiable(self, double* step) noexcept nogil:
        pass

    # For an energy in Python whose functions work in float32.
    def _set_rounding(self, rounding):
        self.rounds_to(rounding)

    def _check_ready(self):
        """Raise TypeError if __init__ of a concrete energy has not run: the class is abstract, or made by __new__."""
        if self.theta_ptr is NULL:
            raise TypeError(f"{type(self).__name__} is not initialised; use a concrete energy and call its constructor")

    def take_failure(self):
        """Return and forget the exception that stopped a block method on this thread, or None."""
        return None if self.failures is None else self.failures.pop(get_ident(), None)

    def raise_failure(self):
        """Raise the exception that stopped a block method on this thread, as itself."""
        failure = self.take_failure()
        if failure is None:
            raise RuntimeError(f"a block method of {type(self).__name__} returned -1 and left no exception (see fail)")
        raise failure

    has_param_grad = property(lambda self: self.n_params > 0, doc=(
        "Can it be trained: has it parameters, and their gradient?"))
    has_density = property(lambda self: True, doc="Has exp(-E) a finite integral, as far as it is known?")
    has_walls = property(lambda self: False, doc=(
        "Is the energy infinite somewhere? Then `energy` may return infinity, and samplers need an accept step."))

    def _normal_mixture(self):
        # The `NormalMixture` that exp(-E) is, or None: closed forms of sums and maps follow from it.
        return None

    def __add__(self, other):
        return add(self, other) if isinstance(self, Energy) and isinstance(other, Energy) else NotImplemented

    has_log_partition = property(lambda self: type(self).log_partition is not Energy.log_partition, doc=(
        "Is log Z known in closed form?"))
    has_exact_sample = property(lambda self: type(self).exact_sample is not Energy.exact_sample, doc=(
        "Can independent samples be drawn directly?"))
    annealing_base = property(lambda self: None, doc=(
        "Energy from which annealing to this one begins, with a closed log Z and exact samples, or None."))
    tilt = property(lambda self: None, doc=(
        "This energy less its `annealing_base`, as an energy that can be evaluated alone; None if it has none."))
    modes = property(lambda self: None, doc=(
        "Centres of the modes, shape (n_modes, n_features), in the units of x; None where they are not known."))
    mode_shares = property(lambda self: None, doc=(
        "Mass of each mode, shape (n_modes,), sums to 1; None where the modes are not known."))
    mode_scales = property(lambda self: None, doc=(
        "Standard deviation around each mode, shape (n_modes, n_features), the scale for step sizes; None "
        "where the modes are not known."))
    mode_covariances = property(lambda self: None, doc=(
        "Covariance of each mode, shape (n_modes, n_features, n_features), where modes may be narrow along "
        "any direction; None where they are so along features only (`mode_scales` says all) or are not known."))

    scale_limits = property(lambda self: None, doc=(
        "(smallest, largest) standard deviation that a mode can be given by theta, or None where it is not limited."))

    @property
    def theta_limits(self):
        """(low, high), each of shape (n_params,): beyond them a parameter has no effect; infinite where it always
        has."""
        edge = np.full(self.n_params, np.inf)
        return -edge, edge

    def saturation(self, X):
        """Of a network: for each hidden layer, the share of its units whose slope is nearly zero at every row of X.

        An ndarray of shape (n_layers,), or None for an energy without hidden layers.
        """
        return None

    def shares(self, X):
        """Share of each mode in the density at every sample, where the modes are known.

        Returns
        -------
        ndarray of shape (n_samples, n_modes)
            Rows sum to 1; the mean over the density is `mode_shares`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not know its modes")

    def energy(self, X):
        """E(x) of every sample.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError, TypeError
            If X has the wrong shape or type, is empty or holds NaN or infinity.
        NonFiniteError
            If a result is beyond the range of float64; infinity is a result where an energy has walls.
        """
        return evaluate(self, ENERGY, X, (None,), "energy", self.has_walls)

    def _energy_with_walls(self, X):
        """As `energy`, but infinity is a result: no mass is there."""
        return evaluate(self, ENERGY, X, (None,), "energy", True)

    def grad(self, X):
        """dE/dx of every sample, shaped like X (the score is its negative). Raises as `energy` does."""
        return evaluate(self, GRAD, X, (None, self.n_features), "grad")

    def score(self, X):
        """-dE/dx = d log p / dx of every sample, shaped like X. Raises as `energy` does."""
        return -self.grad(X)

    def param_grad(self, X):
        """dE/dtheta of every sample, shape (n_samples, n_params). Raises as `energy` does."""
        return evaluate(self, PARAM_GRAD, X, (None, self.n_params), "param_grad")

    def mean_param_grad(self, X):
        """Mean of dE/dtheta over the samples, shape (n_params,), without the (n_samples, n_params) array.

        Raises as `energy` does.
        """
        return evaluate(self, MEAN_PARAM_GRAD, X, (self.n_params,), "mean_param_grad")

    def laplacian(self, X):
        """Trace of the Hessian of E in x, shape (n_samples,). Raises as `energy` does.

        Energies without a closed form take central differences of `grad` with a step of ``6e-6 (1 + |x|)``.
        """
        return evaluate(self, LAPLACIAN, X, (None,), "laplacian")

    def log_partition(self):
        """log Z = log of the integral of exp(-E(x)), where a closed form exists."""
        raise NotImplementedError(
            f"{type(self).__name__} has no closed-form log_partition; use fastebm.log_partition(energy), "
            "which integrates numerically"
        )

    def log_prob(self, X):
        """log p(x) = -E(x) - log Z of every sample, shape (n_samples,). Raises as `energy` and `log_partition` do."""
        log_z = self.log_partition()
        return -self.energy(X) - log_z

    def exact_sample(self, n, seed=None):
        """Independent samples of the density, where a direct method is known."""
        raise NotImplementedError(
            f"{type(self).__name__} has no exact sampler; use fastebm.SGLD or fastebm.MALA and check the chains"
        )

    @property
    def param_names(self):
        """Names of the parameters, a tuple of n_params strings."""
        return tuple([f"theta[{i}]" for i in range(self.n_params)])

    @property
    def theta(self):
        """The parameters, shape (n_params,). Reading gives a copy; setting checks length and finiteness, then
        copies."""
        out = np.empty(self.n_params)
        if self.n_params:
            memcpy(address(out), self.theta_ptr, self.n_params * sizeof(double))
        return out

    @theta.setter
    def theta(self, value):
        cdef const double[::1] checked
        array = vector(value, self.n_params, "theta", f" (n_params of this {type(self).__name__})")
        if self.n_params == 0:
            return
        checked = array
        self.load_theta(&checked[0])

    def _arguments(self):
        """Arguments that rebuild this energy, theta apart: a dict for __init__."""
        return {}

    def __reduce__(self):
        return _rebuild, (type(self), self._arguments(), self.theta)

    def __copy__(self):
        return _rebuild(type(self), self._arguments(), self.theta)

    def __deepcopy__(self, memo):
        return _rebuild(type(self), self._arguments(), self.theta)

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return self._arguments() == other._arguments() and bool(np.array_equal(self.theta, other.theta))

    __hash__ = None

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self._arguments().items())})"

    _repr_html_ = energy_html


def as_energy(value, str name="energy"):
    """Return value if it is an energy whose constructor has run; TypeError if not."""
    if not isinstance(value, Energy):
        raise TypeError(f"{name} must be an Energy, got {describe(value)}")
    value._check_ready()
    return value


def _missing(energy, method):
    return NotImplementedError(
        f"{type(energy).__name__} has no {method}: block methods are written in Cython (see 'How to add an energy' in "
        "CONTRIBUTING.md); for functions in Python use fastebm.PythonEnergy"
    )


def _rebuild(cls, arguments, theta):
    energy = cls(**arguments)
    energy.theta = theta
    return energy
