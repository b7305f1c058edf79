# The contract between a sampler and whoever calls it. Installed, so that other Cython packages can add samplers:
# compile them with the macro CYTHON_USE_TYPE_SPECS=1, as our types are (or for the limited API).

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
    # Bit p stands for numbers of purpose p (kernels/random.pxd) that this sampler draws; by default all. Whoever runs
    # two samplers gives them different keys unless their purposes differ.
    cdef uint64_t purposes
    # Tallies that run_block counts in: 1, but for a cycle.
    cdef readonly Py_ssize_t n_tallies

    # Doubles of state that each chain has beside x (momenta, replicas); by default none. In a block
    # state[s * stride + i] is number s of chain i. A run whose state is not finite fails, as one does whose x is not.
    cdef Py_ssize_t state_size(self, Energy energy) noexcept nogil
    # Write the state of new chains (it holds anything before), whose first step has the number step0.
    cdef int start_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                         Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0) noexcept nogil
    # Called before run_block where x or the energy's theta was changed by somebody else since the last step: compute
    # again what in the state follows from them. By default nothing.
    cdef int refresh_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                           Py_ssize_t stride) noexcept nogil
    # Scratch, in doubles, for n chains; the energy's own work_size included.
    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil
    # Move the chains chain0 .. chain0 + n - 1 by n_steps steps, the first of which has the number step0. x is laid
    # out as in the energy contract; x and state are changed in place. The result depends only on x, state, key, chain
    # numbers and step numbers, never on how a run is cut into blocks and pieces. Returns 0, or -1 to
    # stop the run: the energy stopped, or the sampler by energy.fail.
    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil


cdef Key key_of(object seed) except *
