# Lists in, lists out, the memory between them, and Ctrl-C in the loops over it.

cimport cython
from cpython.exc cimport PyErr_CheckSignals

cdef enum:
    POLL = 1 << 17              # energy evaluations between two looks at pending signals: about 5 ms


@cython.final
cdef class Memory:
    cdef double *at
    cdef Py_ssize_t size


cdef double number(value, name) except? -1
cdef Memory doubles(values, name)
cdef list floats(const double *x, Py_ssize_t n)


cdef inline int look(Py_ssize_t *left, Py_ssize_t used) except -1 nogil:
    """Count `used` evaluations; now and then run pending signal handlers, so that Ctrl-C works."""
    left[0] -= used
    if left[0] < 0:
        left[0] = POLL
        with gil:
            PyErr_CheckSignals()
    return 0
