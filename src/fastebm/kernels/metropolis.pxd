# The accept step that all Metropolis samplers share.

from libc.math cimport INFINITY

from .math cimport in_t, log_normal, out_t


cdef inline void decide(in_t log_ratio, in_t new_energy, in_t u, out_t take, out_t undefined,
                        Py_ssize_t n) noexcept nogil:
    # take = 1 to accept, 0 to reject. An infinite energy is a wall and is rejected; a NaN is reported in undefined.
    cdef Py_ssize_t i
    cdef double yes, bad
    for i in range(n):
        yes = 1.0 if log_normal(u[i]) <= log_ratio[i] else 0.0
        bad = 1.0 if log_ratio[i] != log_ratio[i] else 0.0
        take[i] = 0.0 if new_energy[i] == INFINITY else yes
        undefined[i] = 0.0 if new_energy[i] == INFINITY else bad


cdef inline void adopt(in_t take, in_t new, out_t old, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        old[i] = new[i] if take[i] != 0.0 else old[i]
