from libc.stdint cimport int64_t, uint64_t

from ..energies.base cimport Energy
from ..kernels.random cimport Key
from .base cimport Sampler, Tally


cdef class Rung:
    cdef Sampler sampler
    cdef uint64_t slot
    cdef Rung above
    cdef Key key_for(self, Key key) noexcept nogil
    cdef int start(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                   Key key, uint64_t chain0, uint64_t step0) noexcept nogil
    cdef int refresh(self, Energy energy, const double* x, const double* hot, double* state, double* work, Py_ssize_t n,
                     Py_ssize_t stride) noexcept nogil
    cdef int run(self, Energy energy, double* x, double* hot, double* state, double* work, Py_ssize_t n,
                 Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally,
                 Tally* hot_tally) noexcept nogil
