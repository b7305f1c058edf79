"""Which x86-64 levels can this processor run? Asked once, by `fastebm._isa`."""

cdef extern from *:
    """
    static int fastebm_cpu_level(void) {
    #if (defined(__x86_64__) || defined(__amd64__)) && defined(__GNUC__)
        __builtin_cpu_init();
        if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
              __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")))
            return 1;
        if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl")))
            return 3;
        return 4;
    #else
        return 0;
    #endif
    }
    """
    int fastebm_cpu_level() nogil


def cpu_level():
    """Highest x86-64 level this processor runs (1, 3 or 4), or 0 where levels do not apply."""
    return fastebm_cpu_level()
