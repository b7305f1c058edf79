"""The inline kernels as Python functions, for the tests of accuracy and of the generator. Not for users."""

import numpy as np

from libc.stdint cimport int32_t, uint64_t

from .activations cimport leaky_relu, silu, softplus, turn
from .gamma cimport df_of_gap, digamma_gap, half_step, student_excess
from .math cimport exp_neg, lane_sum, log1p_positive, log_normal, octant_cos, octant_sin
from .product cimport padded, product as product_kernel, real, row_sum, transpose
from .random cimport Key, normal_pairs, threefry as threefry_block, uniform_pairs


cdef enum:
    EXP_NEG
    LOG_NORMAL
    LOG1P_POSITIVE
    OCTANT_SIN
    OCTANT_COS
    HALF_STEP
    DIGAMMA_GAP
    DIGAMMA_GAP_SLOPE

KERNELS = {
    "exp_neg": EXP_NEG,
    "log_normal": LOG_NORMAL,
    "log1p_positive": LOG1P_POSITIVE,
    "octant_sin": OCTANT_SIN,
    "octant_cos": OCTANT_COS,
    "half_step": HALF_STEP,
    "digamma_gap": DIGAMMA_GAP,
    "digamma_gap_slope": DIGAMMA_GAP_SLOPE,
}


cdef void apply_to(int kernel, const double* x, double* y, Py_ssize_t n) noexcept nogil:
    # Loops of their own, which the compiler turns into vectors as it does those that users meet.
    cdef Py_ssize_t i
    cdef double slope
    if kernel == EXP_NEG:
        for i in range(n):
            y[i] = exp_neg(x[i])
    elif kernel == LOG_NORMAL:
        for i in range(n):
            y[i] = log_normal(x[i])
    elif kernel == LOG1P_POSITIVE:
        for i in range(n):
            y[i] = log1p_positive(x[i])
    elif kernel == OCTANT_SIN:
        for i in range(n):
            y[i] = octant_sin(x[i])
    elif kernel == OCTANT_COS:
        for i in range(n):
            y[i] = octant_cos(x[i])
    elif kernel == HALF_STEP:
        for i in range(n):
            y[i] = half_step(x[i])
    elif kernel == DIGAMMA_GAP:
        for i in range(n):
            y[i] = digamma_gap(x[i], &slope)
    elif kernel == DIGAMMA_GAP_SLOPE:
        for i in range(n):
            digamma_gap(x[i], &y[i])


def apply(name, values):
    """Apply the named inline function to every value (a bytes-like of doubles goes in, a bytearray comes out)."""
    cdef Py_ssize_t n = len(values) // 8
    source = bytearray(values)
    target = bytearray(8 * n)
    cdef char* raw = source
    cdef char* made = target
    cdef double* x = <double*>raw
    cdef double* y = <double*>made
    if name == "lane_sum":
        y[0] = lane_sum(x, n)
    elif name in KERNELS:
        apply_to(KERNELS[name], x, y, n)
    else:
        raise ValueError(f"no kernel named {name!r}")
    return np.frombuffer(target)


def excess(double df, Py_ssize_t n_features):
    """`student_excess`."""
    return student_excess(df, n_features)


def degrees_of_freedom(double gap, double low, double high):
    """`df_of_gap`."""
    return df_of_gap(gap, low, high)


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


cdef activate(name, real[::1] slope, real[::1] value):
    cdef Py_ssize_t n = slope.shape[0]
    if name == "silu":
        silu(&slope[0], &value[0], n)
    elif name == "softplus":
        softplus(&slope[0], &value[0], n)
    elif name == "leaky_relu":
        leaky_relu(&slope[0], &value[0], n)
    else:
        raise ValueError(f"no activation named {name!r}")


def activation(name, x):
    """Value and slope of the named activation at every x, an array of float32 or float64 of shape (n,)."""
    slope, value = np.array(x), np.empty_like(x)
    if slope.dtype == np.float32:
        activate[float](name, slope, value)
    else:
        activate[double](name, slope, value)
    return value, slope


cdef void turn_all(const double* t, double* sine, double* cosine, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        turn(t[i], &sine[i], &cosine[i])


def turns(double[::1] t):
    """sin and cos of 2 pi t."""
    cdef Py_ssize_t n = t.shape[0]
    cdef double[::1] sine = np.empty(n), cosine = np.empty(n)
    turn_all(&t[0], &sine[0], &cosine[0], n)
    return np.asarray(sine), np.asarray(cosine)


def product(real[:, ::1] out, real[::1] w, Py_ssize_t step, Py_ssize_t by, int32_t[::1] wk, real[:, ::1] x,
            int32_t[::1] rows, Py_ssize_t n, start, bint more):
    """`product` of kernels/product.pxd into out, of shape (n_out, ldo); start is an array or None."""
    cdef real[::1] first
    cdef const real* at = NULL
    if start is not None:
        first = start
        at = &first[0]
    product_kernel(&out[0, 0], out.shape[1], out.shape[0], &w[0], step, by, &wk[0], &x[0, 0], x.shape[1], &rows[0],
                   rows.shape[0], n, at, more)


def row_length(Py_ssize_t n, bint single):
    """`padded` of kernels/product.pxd."""
    return padded(n, single)


def turned(real[:, ::1] rows, Py_ssize_t n, real[:, ::1] out):
    """`transpose` of kernels/product.pxd: the first n columns of rows, which become rows of out."""
    transpose(&rows[0, 0], rows.shape[1], rows.shape[0], n, &out[0, 0], out.shape[1])


def summed(real[::1] row):
    """`row_sum` of kernels/product.pxd."""
    return row_sum(&row[0], row.shape[0])
