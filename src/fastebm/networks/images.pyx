"""Layers of images: convolution and average pooling."""

from libc.stdint cimport int32_t
from libc.string cimport memset

import numpy as np

from ..kernels.product cimport product, real, row_sum, transpose
from .layers cimport Layer, counting


cdef class Conv(Layer):
    """Two-dimensional convolution over (channels, height, width), zeros beyond the edge; theta holds the weights by
    output channel, input channel, row and column, then the biases.

    Parameters
    ----------
    shape : (int, int, int)
        Of the input.
    channels, size, stride, padding : int
    """

    cdef readonly tuple shape, out_shape
    cdef readonly Py_ssize_t size, stride, padding
    cdef Py_ssize_t c_in, c_out, p_in, p_out, taps
    # For every output place the weights and rows that meet there, and for every input place; and the pairs of places
    # of every tap.
    cdef object tables
    cdef int32_t[::1] ahead_w, ahead_rows, ahead_ends, back_w, back_rows, back_ends, tap_in, tap_out, tap_ends

    def __init__(self, shape, channels, size, stride, padding):
        c, h, w = shape
        out_h, out_w = (h + 2 * padding - size) // stride + 1, (w + 2 * padding - size) // stride + 1
        self.shape, self.out_shape = (c, h, w), (channels, out_h, out_w)
        self.size, self.stride, self.padding = size, stride, padding
        self.c_in, self.c_out, self.p_in, self.p_out, self.taps = c, channels, h * w, out_h * out_w, size * size
        self.n_in, self.n_out = c * h * w, channels * out_h * out_w
        self.n_params = channels * (c * size * size + 1)
        # (output place, tap, input place) where a tap falls inside.
        met = [
            (oy * out_w + ox, ty * size + tx, iy * w + ix)
            for oy in range(out_h) for ox in range(out_w) for ty in range(size) for tx in range(size)
            for iy, ix in [(oy * stride + ty - padding, ox * stride + tx - padding)]
            if 0 <= iy < h and 0 <= ix < w
        ]
        p, t, q = (np.array(v, dtype=np.int64) for v in zip(*met))
        self.ahead_w, self.ahead_rows, self.ahead_ends = _tables(p, self.p_out, t, q, c, self.taps, self.p_in)
        self.back_w, self.back_rows, self.back_ends = _tables(
            q, self.p_in, t, p, channels, c * self.taps, self.p_out
        )
        order = np.argsort(t, kind="stable")
        self.tap_in, self.tap_out = q[order].astype(np.int32), p[order].astype(np.int32)
        self.tap_ends = np.searchsorted(t[order], np.arange(self.taps + 1)).astype(np.int32)

    cdef Py_ssize_t work_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        # gy by places and chains, and the sums.
        cdef Py_ssize_t wide = (self.c_out + 15) & ~15
        return (n * self.p_out + self.c_in) * wide

    cdef void run(self, const real* w, const real* x, real* y, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        cdef Py_ssize_t p, a, width = self.c_in * self.taps
        for p in range(self.p_out):
            a = self.ahead_ends[p]
            product(y + p * ld, self.p_out * ld, self.c_out, w, width, 1, &self.ahead_w[0] + a, x, ld,
                    &self.ahead_rows[0] + a, self.ahead_ends[p + 1] - a, n, w + self.c_out * width, False)

    cdef void pull(self, const real* w, const real* x, const real* gy, real* gx, double* acc, real* work,
                   Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        cdef Py_ssize_t p, q, t, o, a, m, width = self.c_in * self.taps, wide = (self.c_out + 15) & ~15
        cdef real* sums = work + n * self.p_out * wide
        if acc is not NULL:
            for p in range(self.p_out):
                transpose(gy + p * ld, self.p_out * ld, self.c_out, n, work + p * n * wide, wide)
            for t in range(self.taps):
                memset(sums, 0, self.c_in * wide * sizeof(real))
                for m in range(self.tap_ends[t], self.tap_ends[t + 1]):
                    product(sums, wide, self.c_in, x + self.tap_in[m] * ld, self.p_in * ld, 1, counting(),
                            work + self.tap_out[m] * n * wide, wide, counting(), n, self.c_out, NULL, True)
                for q in range(self.c_in):
                    for o in range(self.c_out):
                        acc[o * width + q * self.taps + t] += sums[q * wide + o]
            for o in range(self.c_out):
                for p in range(self.p_out):
                    acc[self.c_out * width + o] += row_sum(gy + (o * self.p_out + p) * ld, n)
        if gx is not NULL:
            for q in range(self.p_in):
                a = self.back_ends[q]
                product(gx + q * ld, self.p_in * ld, self.c_in, w, self.taps, 1, &self.back_w[0] + a, gy, ld,
                        &self.back_rows[0] + a, self.back_ends[q + 1] - a, n, NULL, False)

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
        return [f"W[{o},{c},{y},{x}]" for o in range(self.c_out) for c in range(self.c_in)
                for y in range(self.size) for x in range(self.size)] + [f"b[{o}]" for o in range(self.c_out)]

    def matrices(self):
        return [(0, self.c_out, self.c_in * self.taps)]

    def start(self, rng, gain, spread):
        fan_in = self.c_in * self.taps
        w = rng.normal(0.0, gain / np.sqrt(fan_in), self.c_out * fan_in)
        return np.append(w, rng.normal(0.0, spread, self.c_out))


def _tables(here, n_here, tap, there, channels, step, n_there):
    # By place: for every channel and met tap the weight's place (channel * step + tap), and the row on the other side.
    order = np.argsort(here, kind="stable")
    counts = np.bincount(here, minlength=n_here)
    w, rows = [], []
    first = 0
    for count in counts:
        some = order[first:first + count]
        first += count
        c = np.arange(channels)[:, None]
        w.append((c * step + tap[some]).ravel())
        rows.append((c * n_there + there[some]).ravel())
    ends = np.concatenate([[0], np.cumsum(counts * channels)])
    return tuple([np.ascontiguousarray(v, dtype=np.int32) for v in (np.concatenate(w), np.concatenate(rows), ends)])


cdef void add_scaled_row(const real* row, real* out, real by, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += by * row[i]


cdef class Pool(Layer):
    """Mean over squares of size x size places; rows and columns that fill no square are left out."""

    cdef readonly tuple out_shape
    cdef Py_ssize_t c, h, w, size

    def __init__(self, shape, size):
        c, h, w = self.c, self.h, self.w = shape
        self.out_shape, self.size = (c, h // size, w // size), size
        self.n_in, self.n_out = c * h * w, c * (h // size) * (w // size)

    cdef void pass_on(self, real* a, real* b, bint back, Py_ssize_t ld) noexcept nogil:
        # b = mean of a over its square; or a = a share of b, with back.
        cdef Py_ssize_t c, y, x, sy, sx, source, place = 0, s = self.size
        cdef Py_ssize_t h = self.h, w = self.w
        cdef real share = <real>1.0 / (s * s)
        memset(a if back else b, 0, (self.n_in if back else self.n_out) * ld * sizeof(real))
        for c in range(self.c):
            for y in range(h // s):
                for x in range(w // s):
                    for sy in range(s):
                        for sx in range(s):
                            source = (c * h + y * s + sy) * w + x * s + sx
                            if back:
                                add_scaled_row(b + place * ld, a + source * ld, share, ld)
                            else:
                                add_scaled_row(a + source * ld, b + place * ld, share, ld)
                    place += 1

    cdef void forward(self, bint single, const void* theta, void* x, void* y, void* kept,
                      Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        if single:
            self.pass_on(<float*>x, <float*>y, False, ld)
        else:
            self.pass_on(<double*>x, <double*>y, False, ld)

    cdef void backward(self, bint single, const void* theta, void* x, const void* kept, const void* gy, void* gx,
                       double* acc, void* work, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
        if gx is NULL:
            return
        if single:
            self.pass_on(<float*>gx, <float*>gy, True, ld)
        else:
            self.pass_on(<double*>gx, <double*>gy, True, ld)
