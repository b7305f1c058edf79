from libc.stdint cimport int64_t


cdef class History:
    cdef Py_ssize_t n_params, capacity, n_kept
    cdef int64_t n_updates
    cdef readonly int64_t count, every
    cdef object scalars, thetas, steps
    cdef double[:, ::1] rows
    cdef double[:, ::1] kept
    cdef int64_t[::1] at
    # One update: the numbers as they were when it began.
    cdef void add(self, double energy_data, double energy_model, double ess, const double* theta) noexcept nogil
