"""A team of threads for rounds of tasks that are too short for a pool (a call of a pool costs 50-100 us)."""

from libc.stdint cimport int64_t

from .threads import submit

cdef extern from *:
    """
    #if defined(_MSC_VER)
    #include <intrin.h>
    #include <windows.h>
    #define fastebm_add(p, v) _InterlockedExchangeAdd64((volatile __int64 *)(p), (v))
    #define fastebm_load(p) _InterlockedExchangeAdd64((volatile __int64 *)(p), 0)
    #define fastebm_store(p, v) _InterlockedExchange64((volatile __int64 *)(p), (v))
    #define fastebm_flag(p) (*(volatile int *)(p))
    #define fastebm_raise(p) (*(volatile int *)(p) = 1)
    static void fastebm_pause(int round) {
        if (round < 2000) YieldProcessor();
        else if (round < 4000) SwitchToThread();
        else Sleep(1);
    }
    #else
    #include <sched.h>
    #include <time.h>
    #define fastebm_add(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
    #define fastebm_load(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
    #define fastebm_store(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
    #define fastebm_flag(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
    #define fastebm_raise(p) __atomic_store_n((p), 1, __ATOMIC_SEQ_CST)
    static void fastebm_pause(int round) {
        if (round < 2000) {
    #if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
    #endif
        } else if (round < 4000) {
            sched_yield();
        } else {
            struct timespec t = {0, 50000};
            nanosleep(&t, NULL);
        }
    }
    #endif
    """
    int64_t fastebm_add(int64_t* p, int64_t v) nogil
    int64_t fastebm_load(int64_t* p) nogil
    void fastebm_store(int64_t* p, int64_t v) nogil
    int fastebm_flag(int* p) nogil
    void fastebm_raise(int* p) nogil
    # About 40 us of spinning, then giving the processor away, then sleeping 50 us at a time.
    void fastebm_pause(int round) nogil


cdef class Team:
    """The leader and its helpers. A subclass says what a task is."""

    cdef int task(self, Py_ssize_t index, Py_ssize_t worker) noexcept nogil:
        return -1

    cdef int together(self, Py_ssize_t n_tasks) noexcept nogil:
        cdef int64_t left
        cdef Py_ssize_t i
        cdef int waited = 0
        if self.n_helpers == 0:
            for i in range(n_tasks - 1, -1, -1):
                if self.task(i, 0) or (i and self.control.poll(-1.0)):
                    return -1
            return 0
        fastebm_store(&self.finished, 0)
        # Counted down: a helper that is late finds nothing, whatever the size of the next round.
        fastebm_store(&self.remaining, n_tasks)
        while True:
            left = fastebm_add(&self.remaining, -1)
            if left <= 0:
                break
            if not fastebm_flag(&self.failed) and self.task(left - 1, 0):
                fastebm_raise(&self.failed)
            fastebm_add(&self.finished, 1)
            if self.control.poll(-1.0):
                fastebm_raise(&self.failed)
        while fastebm_load(&self.finished) < n_tasks:
            fastebm_pause(waited)
            waited += 1
            # Ctrl-C while another thread works: it stops at its own next poll.
            if waited > 4000 and self.control.poll(-1.0):
                fastebm_raise(&self.failed)
        return -1 if fastebm_flag(&self.failed) else 0

    def help(self, Py_ssize_t worker):
        """What a helper does until the team is closed."""
        cdef int64_t left
        cdef int waited = 0
        cdef int failed = 0
        with nogil:
            while not fastebm_flag(&self.closed):
                left = fastebm_add(&self.remaining, -1) if fastebm_load(&self.remaining) > 0 else 0
                if left <= 0:
                    fastebm_pause(waited)
                    waited += 1
                    continue
                waited = 0
                if not fastebm_flag(&self.failed):
                    failed = self.task(left - 1, worker)
                    if failed:
                        fastebm_raise(&self.failed)
                fastebm_add(&self.finished, 1)
                if failed:
                    break
        if failed:
            # Only the thread that met it can ask for it.
            failure = self.take_failure()
            if self.control.failure is None:
                self.control.failure = failure

    def take_failure(self):
        """Return and forget the exception that a task left on this thread, or None."""
        return None

    def open(self, helpers):
        """Let this many more threads take tasks."""
        self.closed, self.failed, self.n_helpers = 0, 0, helpers
        self.remaining = self.finished = 0
        workers = iter(range(1, helpers + 1))
        self.futures = submit(lambda: self.help(next(workers)), helpers)

    def close(self):
        """Send the helpers away and wait until they are gone."""
        self.n_helpers = 0
        fastebm_raise(&self.closed)
        for future in self.futures or ():
            future.cancel()
        for future in self.futures or ():
            if not future.cancelled():
                future.result()
        self.futures = ()
