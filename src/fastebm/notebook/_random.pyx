"""CPython's random numbers, from a `random.getstate()` tuple and back to one."""

cimport cython
from libc.math cimport ceil, log, pow
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from ._lists cimport Memory


cdef inline uint32_t twist(uint32_t high, uint32_t low, uint32_t far) noexcept nogil:
    return far ^ (((high & 0x80000000u) | (low & 0x7fffffffu)) >> 1) ^ ((0 - (low & 1)) & 0x9908b0dfu)


cdef void refill(uint32_t *w) noexcept nogil:
    cdef int i
    for i in range(227):
        w[i] = twist(w[i], w[i + 1], w[i + 397])
    for i in range(227, 623):
        w[i] = twist(w[i], w[i + 1], w[i - 227])
    w[623] = twist(w[623], w[0], w[396])


cdef Py_ssize_t below(Twister *t, Py_ssize_t n) noexcept nogil:
    """random._randbelow(n): as many bits as n has, until they are less than n."""
    cdef int bits = 0
    cdef uint64_t r
    while n >> bits:
        bits += 1
    while True:
        if bits <= 32:
            r = random32(t) >> (32 - bits)
        else:
            r = random32(t)
            r |= (<uint64_t> (random32(t) >> (64 - bits))) << 32
        if r < <uint64_t> n:
            return <Py_ssize_t> r


@cython.final
cdef class Stream:
    """A generator started from a `random.getstate()` tuple."""

    def __cinit__(self, tuple state not None):
        cdef int i
        version, words, spare = state
        if version != 3 or len(words) != 625:
            raise RuntimeError(f"random.getstate() has an unknown form, version {version!r}")
        for i in range(624):
            self.t.word[i] = words[i]
        self.t.next = words[624]
        if not 0 <= self.t.next <= 624:
            raise RuntimeError(f"random.getstate() has an unknown form, position {self.t.next}")
        self.t.has_spare = spare is not None
        self.t.spare = 0.0 if spare is None else spare

    cdef tuple state(self):
        cdef list words = []
        cdef int i
        for i in range(624):
            words.append(self.t.word[i])
        words.append(self.t.next)
        return 3, tuple(words), self.t.spare if self.t.has_spare else None


@cython.final
cdef class Chooser:
    """random.sample() of indices, from populations of at most `n_max`."""

    def __cinit__(self, Py_ssize_t n_max):
        self.pool = Memory(n_max)
        self.taken = Memory(n_max // sizeof(double) + 1)
        memset(self.taken.at, 0, self.taken.size * sizeof(double))

    cdef void choose(self, Twister *t, Py_ssize_t n, Py_ssize_t k, Py_ssize_t *out) noexcept:
        """`k` of range(n) into `out`; k <= n <= n_max."""
        cdef Py_ssize_t *pool = <Py_ssize_t *> self.pool.at
        cdef char *taken = <char *> self.taken.at
        cdef Py_ssize_t i, j
        cdef double set_size = 21.0
        if k > 5:
            set_size += pow(4.0, ceil(log(k * 3) / log(4.0)))
        if n <= set_size:
            for i in range(n):
                pool[i] = i
            for i in range(k):
                j = below(t, n - i)
                out[i] = pool[j]
                pool[j] = pool[n - i - 1]
            return
        for i in range(k):
            j = below(t, n)
            while taken[j]:
                j = below(t, n)
            taken[j] = 1
            out[i] = j
        for i in range(k):
            taken[out[i]] = 0
