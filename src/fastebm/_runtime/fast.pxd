from libc.stdint cimport uint64_t

cdef bint finite(const double* values, Py_ssize_t n) noexcept nogil
# What `int_key` returns.
cdef void key_words(uint64_t entropy, uint64_t* low, uint64_t* high) noexcept nogil
# Where the numbers of a C-ordered float64 array lie, for as long as the array lives. A memoryview costs 0.3 us.
cdef double* address(object array) except NULL
