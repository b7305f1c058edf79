"""Lists of floats: in, out, and their exact sums."""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport frexp, isfinite
from libc.stdint cimport SIZE_MAX, int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

cdef enum:
    FOLD = 512                  # numbers summed before the 64-bit partial sums could overflow
    N_EXPONENTS = 2100          # of doubles, as frexp counts them, from -1073 to 1024
    LOWEST_EXPONENT = -1074


@cython.final
cdef class Memory:
    """Room for doubles, or anything else no larger, freed with the object."""

    def __cinit__(self, Py_ssize_t size):
        if size > <Py_ssize_t> (SIZE_MAX // 16):
            raise MemoryError
        self.size = size
        self.at = <double *> malloc((size if size > 0 else 1) * sizeof(double))
        if self.at == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.at)


cdef double number(value, name) except? -1:
    """`value` as a finite double."""
    cdef double x = value
    if not isfinite(x):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return x


cdef Memory doubles(values, name):
    """A copy of a sequence of finite numbers."""
    cdef list items = list(values)
    cdef Memory out = Memory(len(items))
    cdef Py_ssize_t i
    cdef double x
    for i in range(out.size):
        x = items[i]
        if not isfinite(x):
            raise ValueError(f"{name}[{i}] must be finite, got {items[i]!r}")
        out.at[i] = x
        if (i + 1) % POLL == 0:
            PyErr_CheckSignals()
    return out


cdef list floats(const double *x, Py_ssize_t n):
    cdef list out = []
    cdef Py_ssize_t i
    for i in range(n):
        out.append(x[i])
        if (i + 1) % POLL == 0:
            PyErr_CheckSignals()
    return out


def exact_sums(xs):
    """Exact ``sum x`` and ``sum x^2`` as integers over 2^1127 and 2^2254, the count below 0, and the count.

    A double is an integer of 53 bits times a power of two: sums of equal exponents fit 64 bits for `FOLD`
    numbers, then Python's integers take over. With halves h and m, squares are h^2 2^54 + h m 2^28 + m^2.
    """
    cdef Memory x = doubles(xs, "xs")
    cdef Memory room = Memory(4 * N_EXPONENTS)
    cdef int64_t *sums = <int64_t *> room.at
    cdef int64_t mantissa, h, m
    cdef Py_ssize_t i, below_zero = 0
    cdef int exponent, lowest = N_EXPONENTS, highest = 0
    total = squares = 0
    memset(sums, 0, 4 * N_EXPONENTS * sizeof(int64_t))
    for i in range(x.size):
        below_zero += x.at[i] < 0.0
        mantissa = <int64_t> (frexp(x.at[i], &exponent) * 9007199254740992.0)
        exponent -= LOWEST_EXPONENT
        lowest = exponent if exponent < lowest else lowest
        highest = exponent if exponent > highest else highest
        sums[4 * exponent] += mantissa
        mantissa = mantissa if mantissa >= 0 else -mantissa
        h = mantissa >> 27
        m = mantissa & 0x7ffffff
        sums[4 * exponent + 1] += h * h
        sums[4 * exponent + 2] += h * m
        sums[4 * exponent + 3] += m * m
        if (i + 1) % FOLD == 0 or i + 1 == x.size:
            for exponent in range(lowest, highest + 1):
                if sums[4 * exponent + 1]:
                    total += sums[4 * exponent] << <object> exponent
                    square = (sums[4 * exponent + 1] << <object> 54) + (sums[4 * exponent + 2] << <object> 28)
                    squares += (square + sums[4 * exponent + 3]) << <object> (2 * exponent)
            memset(sums + 4 * lowest, 0, 4 * (highest - lowest + 1) * sizeof(int64_t))
            lowest = N_EXPONENTS
            highest = 0
            PyErr_CheckSignals()
    return total, squares, below_zero, x.size
