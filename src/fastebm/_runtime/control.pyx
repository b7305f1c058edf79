"""Interrupts and progress for loops that run without the GIL."""

from cpython.exc cimport PyErr_CheckSignals

cdef extern from *:
    """
    #if defined(_WIN32)
    #include <windows.h>
    static double fastebm_now(void) {
        LARGE_INTEGER f, c;
        QueryPerformanceFrequency(&f);
        QueryPerformanceCounter(&c);
        return (double)c.QuadPart / (double)f.QuadPart;
    }
    #else
    #include <time.h>
    static double fastebm_now(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    }
    #endif
    """
    double fastebm_now() nogil

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil

cdef double INTERVAL = 0.05


cdef double now() noexcept nogil:
    return fastebm_now()


cdef class Control:
    """Polled by nogil loops; shows a tqdm bar if one is given and lets Ctrl-C through."""

    def __init__(self, bar=None, total=0.0):
        self.bar = bar
        self.total = total
        self.next_poll = fastebm_now() + INTERVAL
        self.owner = PyThread_get_thread_ident()

    cdef int poll(self, double done) noexcept nogil:
        cdef double time
        if self.stop:
            return -1
        # Only the thread that started the run can see its Ctrl-C: the turn of another thread would be lost.
        if PyThread_get_thread_ident() != self.owner:
            return 0
        time = fastebm_now()
        if time < self.next_poll:
            return 0
        self.next_poll = time + INTERVAL
        with gil:
            try:
                PyErr_CheckSignals()
                self.show(done if done >= 0.0 else self.shown)
            except BaseException as error:
                self.failure = error
                self.stop = 1
                return -1
        return 0

    def show(self, done):
        """Move the progress bar to done (in the units of total)."""
        if self.bar is not None:
            self.bar.update(done - self.shown)
            self.shown = done

    def halt(self):
        """Ask every loop that polls this object to stop."""
        self.stop = 1

    def finish(self):
        """Raise what stopped the loop, if anything did."""
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
