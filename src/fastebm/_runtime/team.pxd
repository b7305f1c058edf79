# Threads that share the tasks of many short rounds: inside a round nobody waits for Python.

from libc.stdint cimport int64_t

from .control cimport Control


cdef class Team:
    cdef Control control
    # Tasks of the round that nobody has taken, and those that are finished.
    cdef int64_t remaining
    cdef int64_t finished
    cdef int failed
    cdef int closed
    cdef int64_t n_helpers
    cdef object futures
    # Do task `index` of the current round. worker is 0 for the leader; each thread has a number of its own.
    cdef int task(self, Py_ssize_t index, Py_ssize_t worker) noexcept nogil
    # The leader's call: 0 when all tasks of a round are done, -1 if one failed or the run was stopped. Tasks are taken
    # from the last to the first.
    cdef int together(self, Py_ssize_t n_tasks) noexcept nogil
