"""Layers: the contract, stacks and residual sums, dense layers, activations, Fourier features."""

from libc.math cimport fma
from libc.string cimport memcpy, memset

import numpy as np

from ..kernels.activations cimport leaky_relu, silu, softplus, turn
from ..kernels.product cimport product, real, row_sum, transpose

# 0, 1, 2, ...: the table of a product in which nothing is left out. As long as a layer is wide, or a block long.
LONGEST = 1 << 16
cdef int32_t[::1] iota = np.arange(LONGEST, dtype=np.int32)


cdef const int32_t* counting() noexcept nogil:
    return &iota[0]


cdef class Layer:
    """A map from n_in to n_out numbers, with n_params parameters."""

    cdef Py_ssize_t kept_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        return 0

    cdef Py_ssize_t work_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        return 0

    cdef void forward(self, bint single, const void* theta, void* x, void* y, void* kept,
                      Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        pass

    cdef void backward(self, bint single, const void* theta, void* x, const void* kept, const void* gy, void* gx,
                       double* acc, void* work, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        pass

    def look(self, const double[::1] theta, double[:, ::1] x):
        """(y, slopes): rows of the output in float64, and those of the slope of every activation on the way."""
        cdef Py_ssize_t ld = x.shape[1]
        y, kept, given = np.zeros((self.n_out, ld)), np.zeros(self.kept_size(ld, ld) + 1), np.array(x)
        cdef double[:, ::1] out = y, rows = given
        cdef double[::1] memory = kept
        self.forward(False, &theta[0] if theta.shape[0] else NULL, &rows[0, 0], &out[0, 0], &memory[0], ld, ld)
        return y, ([given] if isinstance(self, Activation) else [])

    def param_names(self):
        """Names of the parameters, in order."""
        return []

    def matrices(self):
        """(first parameter, rows, columns) of every matrix of weights."""
        return []

    def start(self, rng, gain, spread):
        """Random parameters, shape (n_params,): weights with standard deviation gain / sqrt(fan_in), biases spread."""
        return np.zeros(self.n_params)


cdef class Stack(Layer):
    """Layers one behind the other; theta is theirs, one behind the other."""

    def __init__(self, layers):
        self.layers = tuple(layers)
        self.first = self.layers[0]
        self.rest = None if len(self.layers) == 1 else Stack(self.layers[1:])
        self.n_in = self.first.n_in
        self.n_out = self.first.n_out if self.rest is None else self.rest.n_out
        self.n_params = sum([layer.n_params for layer in self.layers])

    cdef Py_ssize_t kept_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        # What the first keeps, its output, what the others keep.
        cdef Py_ssize_t own = self.first.kept_size(n, ld)
        return own if self.rest is None else own + self.first.n_out * ld + self.rest.kept_size(n, ld)

    cdef Py_ssize_t work_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        cdef Py_ssize_t own = self.first.work_size(n, ld)
        return own if self.rest is None else max(own, self.rest.work_size(n, ld))

    cdef void forward(self, bint single, const void* theta, void* x, void* y, void* kept,
                      Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        cdef void* between
        if self.rest is None:
            self.first.forward(single, theta, x, y, kept, n, ld)
            return
        between = beyond(kept, self.first.kept_size(n, ld), single)
        self.first.forward(single, theta, x, between, kept, n, ld)
        self.rest.forward(single, beyond(theta, self.first.n_params, single), between, y,
                          beyond(between, self.first.n_out * ld, single), n, ld)

    cdef void backward(self, bint single, const void* theta, void* x, const void* kept, const void* gy, void* gx,
                       double* acc, void* work, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        cdef void* between
        if self.rest is None:
            self.first.backward(single, theta, x, kept, gy, gx, acc, work, n, ld)
            return
        between = beyond(kept, self.first.kept_size(n, ld), single)
        self.rest.backward(
            single, beyond(theta, self.first.n_params, single), between,
            beyond(between, self.first.n_out * ld, single), gy, between,
            acc + self.first.n_params if acc is not NULL else NULL, work, n, ld
        )
        self.first.backward(single, theta, x, kept, between, gx, acc, work, n, ld)

    def look(self, const double[::1] theta, double[:, ::1] x):
        slopes, first = [], 0
        for layer in self.layers:
            x, found = layer.look(theta[first:first + layer.n_params], x)
            slopes += found
            first += layer.n_params
        return np.asarray(x), slopes

    def param_names(self):
        return [f"layer{j}.{name}" for j, layer in enumerate(self.layers, 1) for name in layer.param_names()]

    def matrices(self):
        found, first = [], 0
        for layer in self.layers:
            found += [(first + at, rows, columns) for at, rows, columns in layer.matrices()]
            first += layer.n_params
        return found

    def start(self, rng, gain, spread):
        return np.concatenate([layer.start(rng, gain, spread) for layer in self.layers])


cdef void plus(const real* more, real* out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += more[i]


cdef class Residual(Layer):
    """x + inner(x)."""

    cdef readonly Stack inner

    def __init__(self, Stack inner):
        self.inner = inner
        self.n_in, self.n_out, self.n_params = inner.n_in, inner.n_out, inner.n_params

    cdef Py_ssize_t kept_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        # A copy of x, which the inner layers may overwrite.
        return self.n_in * ld + self.inner.kept_size(n, ld)

    cdef Py_ssize_t work_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        return self.inner.work_size(n, ld)

    cdef void forward(self, bint single, const void* theta, void* x, void* y, void* kept,
                      Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        memcpy(kept, x, self.n_in * ld * (4 if single else 8))
        self.inner.forward(single, theta, kept, y, beyond(kept, self.n_in * ld, single), n, ld)
        if single:
            plus(<float*>x, <float*>y, self.n_in * ld)
        else:
            plus(<double*>x, <double*>y, self.n_in * ld)

    cdef void backward(self, bint single, const void* theta, void* x, const void* kept, const void* gy, void* gx,
                       double* acc, void* work, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        self.inner.backward(single, theta, <void*>kept, beyond(kept, self.n_in * ld, single), gy, gx, acc, work, n, ld)
        if gx is NULL:
            return
        if single:
            plus(<const float*>gy, <float*>gx, self.n_in * ld)
        else:
            plus(<const double*>gy, <double*>gx, self.n_in * ld)

    def look(self, const double[::1] theta, double[:, ::1] x):
        y, slopes = self.inner.look(theta, x)
        return y + np.asarray(x), slopes

    def param_names(self):
        return self.inner.param_names()

    def matrices(self):
        return self.inner.matrices()

    def start(self, rng, gain, spread):
        return self.inner.start(rng, gain, spread)


cdef void add_rows(const real* sums, Py_ssize_t ld, Py_ssize_t rows, Py_ssize_t columns, double* acc) noexcept nogil:
    cdef Py_ssize_t o, k
    for o in range(rows):
        for k in range(columns):
            acc[o * columns + k] += sums[o * ld + k]


cdef class Dense(Layer):
    """y = W x + b; theta holds W row by row, then b."""

    cdef readonly bint bias

    def __init__(self, n_in, n_out, bias=True):
        self.n_in, self.n_out, self.bias = n_in, n_out, bias
        self.n_params = n_out * (n_in + (1 if bias else 0))

    cdef Py_ssize_t work_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        # x by chains, and the sums, whose rows are whole vectors.
        cdef Py_ssize_t wide = (self.n_in + 15) & ~15
        return (n + self.n_out) * wide

    cdef void run(self, const real* w, const real* x, real* y, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        product(y, ld, self.n_out, w, self.n_in, 1, counting(), x, ld, counting(), self.n_in, n,
                w + self.n_in * self.n_out if self.bias else NULL, False)

    cdef void pull(self, const real* w, const real* x, const real* gy, real* gx, double* acc, real* work,
                   Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        cdef Py_ssize_t o, wide = (self.n_in + 15) & ~15
        cdef real* sums = work + n * wide
        if acc is not NULL:
            transpose(x, ld, self.n_in, n, work, wide)
            product(sums, wide, self.n_out, gy, ld, 1, counting(), work, wide, counting(), n, self.n_in, NULL, False)
            add_rows(sums, wide, self.n_out, self.n_in, acc)
            if self.bias:
                for o in range(self.n_out):
                    acc[self.n_in * self.n_out + o] += row_sum(gy + o * ld, n)
        if gx is not NULL:
            product(gx, ld, self.n_in, w, 1, self.n_in, counting(), gy, ld, counting(), self.n_out, n, NULL, False)

    cdef void forward(self, bint single, const void* theta, void* x, void* y, void* kept,
                      Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        if single:
            self.run(<const float*>theta, <float*>x, <float*>y, n, ld)
        else:
            self.run(<const double*>theta, <double*>x, <double*>y, n, ld)

    cdef void backward(self, bint single, const void* theta, void* x, const void* kept, const void* gy, void* gx,
                       double* acc, void* work, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        if single:
            self.pull(<const float*>theta, <const float*>x, <const float*>gy, <float*>gx, acc, <float*>work, n, ld)
        else:
            self.pull(<const double*>theta, <const double*>x, <const double*>gy, <double*>gx, acc, <double*>work, n,
                      ld)

    def param_names(self):
        w = [f"W[{o},{k}]" for o in range(self.n_out) for k in range(self.n_in)]
        return w + ([f"b[{o}]" for o in range(self.n_out)] if self.bias else [])

    def matrices(self):
        return [(0, self.n_out, self.n_in)]

    def start(self, rng, gain, spread):
        w = rng.normal(0.0, gain / np.sqrt(self.n_in), self.n_out * self.n_in)
        return np.append(w, rng.normal(0.0, spread, self.n_out)) if self.bias else w


cdef enum Kind:
    SILU, SOFTPLUS, LEAKY_RELU

ACTIVATIONS = {"silu": SILU, "softplus": SOFTPLUS, "leaky_relu": LEAKY_RELU}


cdef void activate(Kind kind, real* x, real* y, Py_ssize_t n) noexcept nogil:
    if kind == SILU:
        silu(x, y, n)
    elif kind == SOFTPLUS:
        softplus(x, y, n)
    else:
        leaky_relu(x, y, n)


cdef void times(const real* slope, const real* gy, real* gx, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        gx[i] = slope[i] * gy[i]


cdef class Activation(Layer):
    """A function of every number. Its input is overwritten by the slope."""

    cdef Kind kind

    def __init__(self, n_in, name):
        self.n_in = self.n_out = n_in
        self.kind = ACTIVATIONS[name]

    cdef void forward(self, bint single, const void* theta, void* x, void* y, void* kept,
                      Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        if single:
            activate(self.kind, <float*>x, <float*>y, self.n_in * ld)
        else:
            activate(self.kind, <double*>x, <double*>y, self.n_in * ld)

    cdef void backward(self, bint single, const void* theta, void* x, const void* kept, const void* gy, void* gx,
                       double* acc, void* work, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        if gx is NULL:
            return
        if single:
            times(<const float*>x, <const float*>gy, <float*>gx, self.n_in * ld)
        else:
            times(<const double*>x, <const double*>gy, <double*>gx, self.n_in * ld)


cdef void add_turns(const real* x, double* turns, Py_ssize_t n, double frequency) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        turns[i] = fma(frequency, x[i], turns[i])


cdef void turn_all(const double* turns, real* cosine, real* sine, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef double s, c
    for i in range(n):
        turn(turns[i], &s, &c)
        cosine[i], sine[i] = <real>c, <real>s


cdef class Fourier(Layer):
    """cos and sin of 2 pi B x, for a fixed B of shape (n_frequencies, n_in)."""

    cdef double[:, ::1] frequencies

    def __init__(self, frequencies):
        self.frequencies = frequencies
        self.n_in, self.n_out = self.frequencies.shape[1], 2 * self.frequencies.shape[0]

    cdef void run(self, const real* x, real* y, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        cdef Py_ssize_t j, d, i, start, some, half = self.n_out // 2
        cdef double[64] turns
        for j in range(half):
            for start in range(0, ld, 64):
                some = min(64, ld - start)
                for i in range(64):
                    turns[i] = 0.0
                for d in range(self.n_in):
                    add_turns(x + d * ld + start, turns, some, self.frequencies[j, d])
                turn_all(turns, y + j * ld + start, y + (half + j) * ld + start, some)

    cdef void pull(self, const real* y, const real* gy, real* gx, Py_ssize_t ld) noexcept nogil:
        # y, which is kept: d cos = -2 pi B sin, d sin = 2 pi B cos.
        cdef Py_ssize_t j, d, i, half = self.n_out // 2
        cdef real by
        memset(gx, 0, self.n_in * ld * sizeof(real))
        for j in range(half):
            for d in range(self.n_in):
                by = <real>(6.283185307179586 * self.frequencies[j, d])
                for i in range(ld):
                    gx[d * ld + i] += by * (y[j * ld + i] * gy[(half + j) * ld + i]
                                            - y[(half + j) * ld + i] * gy[j * ld + i])

    cdef Py_ssize_t kept_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        return self.n_out * ld

    cdef void forward(self, bint single, const void* theta, void* x, void* y, void* kept,
                      Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        if single:
            self.run(<float*>x, <float*>y, n, ld)
        else:
            self.run(<double*>x, <double*>y, n, ld)
        # The next layer may overwrite y.
        memcpy(kept, y, self.n_out * ld * (4 if single else 8))

    cdef void backward(self, bint single, const void* theta, void* x, const void* kept, const void* gy, void* gx,
                       double* acc, void* work, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        if gx is NULL:
            return
        if single:
            self.pull(<const float*>kept, <const float*>gy, <float*>gx, ld)
        else:
            self.pull(<const double*>kept, <const double*>gy, <double*>gx, ld)
