# The contract between a sampler and whoever calls it. Installed, so that other Cython packages can add samplers.

from libc.stdint cimport int64_t, uint64_t

from ..energies.base cimport Energy
from ..kernels.random cimport Key

cdef struct Tally:
    # Counted over chains and steps.
    int64_t proposed
    int64_t accepted
    int64_t clipped
    # Proposals whose energy or gradient was not a number.
    int64_t undefined


cdef class Sampler:
    # Scratch, in doubles, for n chains; the energy's own scratch included.
    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil
    # Move the chains chain0 .. chain0 + n - 1 by n_steps steps, the first of which has the number step0. x is laid
    # out as in the energy contract and changed in place. The result depends only on x, key, chain numbers and step
    # numbers, never on how a run is cut into blocks and pieces. Returns 0, or -1 if the energy stopped.
    cdef int run_block(self, Energy energy, double* x, double* work, Py_ssize_t n, Py_ssize_t stride, Key key,
                       uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil


cdef Key key_of(object seed) except *
