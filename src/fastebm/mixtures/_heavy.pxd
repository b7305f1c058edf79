cimport cython

from ._em cimport Climb
from ._em_full cimport FullClimb


@cython.final
cdef class Tails:
    # What climbs of wells with heavy tails have beside those of normal ones.
    cdef readonly object df
    cdef object memory
    cdef Py_ssize_t n_wells, n_features
    cdef double low, high
    cdef bint tied
    cdef double* nu
    # 2 / df, (df + D) / 2 and the energy at the centre, of each well.
    cdef double* rate
    cdef double* half
    cdef double* k
    # Mean of u = (df + D) / (df + Q) over the shares of a well, and alpha: the same, or 1 for a well at a limit.
    cdef double* mean
    cdef double* alpha

    cdef void prepare(self, double* k) noexcept nogil
    cdef void turn(self, double* shares, double* low, double* logs, Py_ssize_t n) noexcept nogil
    cdef void weigh(self, double* shares, const double* logs, double* sums, Py_ssize_t n) noexcept nogil
    cdef void average(self, const double* sums, const double* masses, Py_ssize_t step) noexcept nogil
    cdef void maximise(self, const double* sums) noexcept nogil
    cdef void save(self, double* to) noexcept nogil
    cdef void load(self, const double* of) noexcept nogil


@cython.final
cdef class HeavyClimb(Climb):
    cdef Tails tails
    cdef Py_ssize_t n_inner


@cython.final
cdef class HeavyFullClimb(FullClimb):
    cdef Tails tails
    cdef Py_ssize_t n_inner
    cdef object backup
    cdef double* before
