"""The inline kernels as Python functions, for the tests of accuracy and of the generator. Not for users."""

import numpy as np

from libc.stdint cimport uint64_t

from .math cimport exp_neg, lane_sum, log1p_positive, log_normal, octant_cos, octant_sin
from .random cimport Key, normal_pairs, threefry as threefry_block, uniform_pairs


def apply(name, values):
    """Apply the named inline function to every value (a bytes-like of doubles goes in, a bytearray comes out)."""
    cdef Py_ssize_t i, n = len(values) // 8
    source = bytearray(values)
    target = bytearray(8 * n)
    cdef char* raw = source
    cdef char* made = target
    cdef double* x = <double*>raw
    cdef double* y = <double*>made
    if name == "exp_neg":
        for i in range(n):
            y[i] = exp_neg(x[i])
    elif name == "log_normal":
        for i in range(n):
            y[i] = log_normal(x[i])
    elif name == "log1p_positive":
        for i in range(n):
            y[i] = log1p_positive(x[i])
    elif name == "octant_sin":
        for i in range(n):
            y[i] = octant_sin(x[i])
    elif name == "octant_cos":
        for i in range(n):
            y[i] = octant_cos(x[i])
    elif name == "lane_sum":
        y[0] = lane_sum(x, n)
    else:
        raise ValueError(f"no kernel named {name!r}")
    return np.frombuffer(target)


def threefry(k0, k1, c0, c1):
    """Threefry-2x64-13 of one counter."""
    cdef uint64_t r0, r1
    threefry_block(k0, k1, c0, c1, &r0, &r1)
    return r0, r1


def pairs(what, k0, k1, chain0, c1, n):
    """Return the two arrays that `normal_pairs` or `uniform_pairs` fill for n chains."""
    cdef Py_ssize_t count = n
    cdef Key key
    key.k0 = k0
    key.k1 = k1
    first, second = bytearray(8 * count), bytearray(8 * count)
    cdef char* a = first
    cdef char* b = second
    if what == "normal":
        normal_pairs(key, chain0, c1, count, <double*>a, <double*>b)
    else:
        uniform_pairs(key, chain0, c1, count, <double*>a, <double*>b)
    return np.frombuffer(first), np.frombuffer(second)
