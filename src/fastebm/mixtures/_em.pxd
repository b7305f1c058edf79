from .._runtime.control cimport Control
from .._runtime.team cimport Team

cdef enum:
    # Rows of a block: they stay in the first-level cache with the shares of all wells (K = 8, D = 10: 37 KB).
    BLOCK = 256

# Mass, in rows, of a well that has lost its rows: it stays where it can be seen to weigh nothing.
cdef double NOTHING


cdef class Blocks:
    cdef readonly Py_ssize_t n, n_features
    cdef object memory, kept
    cdef double* x
    # How many rows each stands for, or NULL: one.
    cdef const double* w


cdef class Climb(Team):
    cdef Blocks data
    cdef readonly Py_ssize_t n, n_wells, n_iter
    cdef readonly double log_likelihood
    cdef readonly object weights, means, stds
    cdef readonly double narrowest
    cdef double widest, longest
    # Steps that no likelihood goes with: they end where it hardly changes, and are never lengthened.
    cdef bint plain
    cdef Py_ssize_t n_tasks, n_sums, n_theta, n_rows
    cdef object own, keep, scratch
    cdef double* w
    cdef double* m
    cdef double* s
    # Half the precision of each well and feature, and the energy at the mean.
    cdef double* a
    cdef double* k
    # Of every task: mass, first and second moments of each well about its present mean, log-likelihood.
    cdef double* sums
    # log w, m and the logarithms of the widths at the last three points, for the long steps.
    cdef double* past
    cdef double* work

    cdef _place(self, Blocks data, weights, means, stds, narrowest, widest, Control control, Py_ssize_t moments,
                Py_ssize_t numbers, Py_ssize_t rows)
    cdef void _add_block(self, const double* x, Py_ssize_t n, double* shares, double* sums) noexcept nogil
    cdef double _gather_sums(self) noexcept nogil
    cdef int _steps(self, Py_ssize_t limit, double tol) noexcept nogil
    cdef bint _lengthen(self) noexcept nogil
    cdef void _load_weights(self, const double* of) noexcept nogil
    cdef double _kept(self, double s) noexcept nogil
    # What differs between kinds of wells.
    cdef void _prepare(self) noexcept nogil
    cdef void _energies(self, const double* x, Py_ssize_t n, double* shares, double* low) noexcept nogil
    cdef void _add_moments(self, const double* x, Py_ssize_t n, double* shares, double* sums) noexcept nogil
    cdef void _maximise(self) noexcept nogil
    cdef void _save(self, double* to) noexcept nogil
    cdef void _load(self, const double* of) noexcept nogil
    cdef void _measure(self, double* units) noexcept nogil
