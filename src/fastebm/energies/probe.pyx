"""What only the contract in Cython has, as Python functions, for the tests. Not for users."""

import numpy as np

from libc.stdint cimport uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from .._runtime.fast cimport address
from ..kernels.layout cimport gather
from .base cimport Energy

# theta[0] * sum_d (x_d^2 - theta[1])^2 in two features, as a compiled library has it.

cdef void quartic_energy(const double* x, double* out, Py_ssize_t n, Py_ssize_t stride,
                         const double* theta) noexcept nogil:
    cdef Py_ssize_t i, d
    cdef double v
    for i in range(n):
        out[i] = 0.0
        for d in range(2):
            v = x[d * stride + i] * x[d * stride + i] - theta[1]
            out[i] += theta[0] * v * v


cdef void quartic_grad(const double* x, double* out, Py_ssize_t n, Py_ssize_t stride,
                       const double* theta) noexcept nogil:
    cdef Py_ssize_t i, d
    cdef double v
    for d in range(2):
        for i in range(n):
            v = x[d * stride + i]
            out[d * stride + i] = 4.0 * theta[0] * (v * v - theta[1]) * v


cdef void quartic_param_grad(const double* x, const double* weights, double* acc, Py_ssize_t n, Py_ssize_t stride,
                             const double* theta) noexcept nogil:
    cdef Py_ssize_t i, d
    cdef double v, w
    for i in range(n):
        w = 1.0 if weights is NULL else weights[i]
        for d in range(2):
            v = x[d * stride + i] * x[d * stride + i] - theta[1]
            acc[0] += w * v * v
            acc[1] -= 2.0 * w * theta[0] * v


def quartic_functions():
    """Addresses of three functions for a CompiledEnergy."""
    return {"energy": <uintptr_t>&quartic_energy, "grad": <uintptr_t>&quartic_grad,
            "param_grad": <uintptr_t>&quartic_param_grad}


# A pattern that no computation leaves behind.
cdef int PATTERN = 0xA5
cdef Py_ssize_t GUARD = 4096


def weighted_param_grad(Energy energy not None, X, weights):
    """sum_i weights[i] dE/dtheta(x_i) over one block, shape (n_params,)."""
    cdef Py_ssize_t n = len(X), stride = (len(X) + 7) & ~7
    rows, by = np.ascontiguousarray(X, dtype=float), np.ascontiguousarray(weights, dtype=float)
    total = np.zeros(max(energy.n_params, 1))
    x, work = np.zeros(energy.n_features * stride), np.zeros(energy.work_size(stride) + 1)
    gather(address(rows), address(x), n, energy.n_features, stride)
    if energy.param_grad_block(address(x), address(by), address(total), address(work), n, stride):
        energy.raise_failure()
    return total[:energy.n_params]


def directional_param_grad(Energy energy not None, X, V, weights=None):
    """sum_i weights[i] d/dt dE/dtheta(x_i + t v_i) at t = 0 over one block, shape (n_params,)."""
    cdef Py_ssize_t n = len(X), stride = (len(X) + 7) & ~7
    rows, ways = np.ascontiguousarray(X, dtype=float), np.ascontiguousarray(V, dtype=float)
    by = None if weights is None else np.ascontiguousarray(weights, dtype=float)
    total = np.zeros(max(energy.n_params, 1))
    x, v = np.zeros(energy.n_features * stride), np.zeros(energy.n_features * stride)
    work = np.zeros(energy.work_size(stride) + 1)
    gather(address(rows), address(x), n, energy.n_features, stride)
    gather(address(ways), address(v), n, energy.n_features, stride)
    if energy.directional_param_grad_block(
        address(x), address(v), NULL if by is None else address(by), address(total), address(work), n, stride
    ):
        energy.raise_failure()
    return total[:energy.n_params]


def scratch_touched(Energy energy not None, X, fewer=0):
    """Names of the block methods that write behind work_size(stride) - fewer numbers of scratch (at least none)."""
    cdef Py_ssize_t n = len(X), stride = (len(X) + 7) & ~7, whole = energy.work_size(stride), i, j
    cdef Py_ssize_t size = max(whole - <Py_ssize_t>fewer, 0)
    cdef double* work = <double*>malloc(whole * sizeof(double) + GUARD)
    cdef unsigned char* guard = <unsigned char*>(work + size)
    cdef Py_ssize_t guarded = GUARD + (whole - size) * <Py_ssize_t>sizeof(double)
    cdef bint clean
    if work is NULL:
        raise MemoryError
    rows = np.ascontiguousarray(X, dtype=float)
    x, out, grad = (np.zeros(energy.n_features * stride) for _ in range(3))
    acc = np.zeros(max(energy.n_params, 1))
    gather(address(rows), address(x), n, energy.n_features, stride)
    found = []
    names = ("energy_block", "grad_block", "energy_grad_block", "param_grad_block", "directional_param_grad_block",
             "laplacian_block")
    for i, name in enumerate(names):
        memset(guard, PATTERN, guarded)
        if i == 0:
            energy.energy_block(address(x), address(out), work, n, stride)
        elif i == 1:
            energy.grad_block(address(x), address(grad), work, n, stride)
        elif i == 2:
            energy.energy_grad_block(address(x), address(out), address(grad), work, n, stride)
        elif i == 3:
            energy.param_grad_block(address(x), NULL, address(acc), work, n, stride)
        elif i == 4:
            energy.directional_param_grad_block(address(x), address(grad), NULL, address(acc), work, n, stride)
        else:
            energy.laplacian_block(address(x), address(out), work, n, stride)
        clean = True
        for j in range(guarded):
            clean = clean and guard[j] == PATTERN
        if not clean:
            found.append(name)
    free(work)
    return found


def _aligned(size):
    memory = np.zeros(size + 8)
    return memory[(-memory.ctypes.data % 64) // 8:][:size]


def repeat_grad(Energy energy not None, X, n_times):
    """The gradient of one block n_times, and nothing else: what a benchmark compares a sampler's time with."""
    cdef Py_ssize_t n = len(X), stride = (len(X) + 7) & ~7, times = n_times, _i
    cdef int failed = 0
    cdef const double* x
    cdef double* g
    cdef double* work
    rows = np.ascontiguousarray(X, dtype=float)
    # Aligned as a sampler's: vectors across two cache lines would take longer.
    width = energy.n_features * stride
    block, out, room = [_aligned(size) for size in (width, width, energy.work_size(stride) + 1)]
    gather(address(rows), address(block), n, energy.n_features, stride)
    x, g, work = address(block), address(out), address(room)
    with nogil:
        for _i in range(times):
            failed = energy.grad_block(x, g, work, n, stride)
            if failed:
                break
    if failed:
        energy.raise_failure()
