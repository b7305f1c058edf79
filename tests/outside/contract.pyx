"""Built beside the package of examples/outside: what a package may leave out, and what the contract promises it."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from fastebm.energies.base cimport Energy
from fastebm.kernels.random cimport PROPOSAL, Key, counter, normal_pairs
from fastebm.samplers.base cimport Sampler, Tally


cdef class NoGradient(Energy):
    """E(x) = 0, of which nobody wrote the gradient."""

    def __init__(self):
        self.allocate(1, 1)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        memset(out, 0, n * sizeof(double))
        return 0


cdef class NoSteps(Sampler):
    """Keeps two numbers for every chain, and nobody wrote its steps."""

    cdef Py_ssize_t state_size(self, Energy energy) noexcept nogil:
        return 2


cdef class Draws(Sampler):
    """Every chain's state is its last draw. It does not say for what it draws numbers, so it may be for anything."""

    cdef Py_ssize_t state_size(self, Energy energy) noexcept nogil:
        return 1

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        return n

    cdef int start_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                         Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0) noexcept nogil:
        normal_pairs(key, chain0, counter(PROPOSAL, 1, step0), n, state, work)
        return 0

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef uint64_t step
        for step in range(step0, step0 + <uint64_t>n_steps):
            normal_pairs(key, chain0, counter(PROPOSAL, 0, step), n, state, work)
        return 0


cdef class Remembers(Sampler):
    """Keeps the energy of every chain, and stops the run if it is not that of the chain any more."""

    cdef public bint forgetful

    cdef Py_ssize_t state_size(self, Energy energy) noexcept nogil:
        return 1

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        return n + energy.work_size(n)

    cdef int start_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                         Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0) noexcept nogil:
        return energy.energy_block(x, state, work, n, stride)

    cdef int refresh_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                           Py_ssize_t stride) noexcept nogil:
        return 0 if self.forgetful else energy.energy_block(x, state, work, n, stride)

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Py_ssize_t i
        for _ in range(n_steps):
            if energy.energy_block(x, work, work + n, n, stride):
                return -1
            for i in range(n):
                if work[i] != state[i]:
                    with gil:
                        return energy.fail(RuntimeError("the state is stale"))
            for i in range(n):
                x[i] *= 0.999
            if energy.energy_block(x, state, work, n, stride):
                return -1
        return 0


cdef class Grows(Sampler):
    """Leaves the chains alone; their state, 1 at first, is out of range after two steps."""

    cdef Py_ssize_t state_size(self, Energy energy) noexcept nogil:
        return 1

    cdef int start_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                         Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(n):
            state[i] = 1.0
        return 0

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Py_ssize_t i
        for _ in range(n_steps):
            for i in range(n):
                state[i] *= 1e200
        return 0
