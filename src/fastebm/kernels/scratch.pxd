# Scratch, carved from one piece of memory. The code that carves is the code that sizes: with `at` NULL it only counts.

cdef struct Arena:
    double* at
    Py_ssize_t used


cdef inline double* carve(Arena* arena, Py_ssize_t n) noexcept nogil:
    # Room for n doubles, at the start of a cache line if the arena starts on one; NULL while sizing.
    cdef double* room = NULL
    if arena.at is not NULL:
        room = arena.at + arena.used
    arena.used += (n + 7) & ~7
    return room


cdef inline double* aligned(double* memory) noexcept nogil:
    # Vectors that straddle cache lines cost: the first line that starts in memory, at most 7 doubles further.
    return <double*>((<size_t>memory + 63) & ~<size_t>63)
