# Drawing some of many without replacement.

from libc.stdint cimport int64_t, uint64_t

from .random cimport Key, uniform_pairs


cdef inline void draw_subset(int64_t* order, int64_t total, int64_t count, int64_t* chosen, int64_t* swapped, double* u,
                             Key key, uint64_t c1) noexcept nogil:
    # The first `count` places of a Fisher-Yates shuffle, which is then undone: the draw depends on the key and the
    # counter alone, not on earlier draws. `order` is the identity before and after; u has room for count + 1 numbers.
    cdef int64_t j, other, half = (count + 1) // 2
    uniform_pairs(key, 0, c1, half, u, u + half)
    for j in range(count):
        # 1 - u is in [0, 1); its 52 bits make the bias of a draw at most total / 2^52.
        other = j + <int64_t>((1.0 - u[j]) * (total - j))
        swapped[j] = other
        order[j], order[other] = order[other], order[j]
        chosen[j] = order[j]
    for j in range(count - 1, -1, -1):
        order[j], order[swapped[j]] = order[swapped[j]], order[j]
