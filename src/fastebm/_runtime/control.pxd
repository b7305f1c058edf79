# What a long nogil loop asks now and then: has somebody pressed Ctrl-C, and what does the progress bar show?

cdef class Control:
    cdef double next_poll
    cdef readonly double total
    cdef double shown
    cdef public object bar
    cdef public object failure
    cdef volatile int stop
    cdef unsigned long owner

    # Cheap: reads the clock, and takes the GIL at most every 50 ms. Nonzero: stop, `failure` says why. A negative done
    # leaves the bar where it is.
    cdef int poll(self, double done) noexcept nogil


cdef double now() noexcept nogil
