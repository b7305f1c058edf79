"""What this processor runs, what was built, and the level in use. Asked once, by `fastebm._runtime.isa`."""

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
    /* setup.py writes these, in a file of their own. */
    extern const char fastebm_modules[];
    extern const char fastebm_levels[];
    extern int fastebm_level;
    """
    int fastebm_cpu_level() nogil
    const char* fastebm_modules
    const char* fastebm_levels
    int fastebm_level


def cpu_level():
    """Highest x86-64 level this processor runs (1, 3 or 4), or 0 where levels do not apply."""
    return fastebm_cpu_level()


def modules():
    """Full names of the modules in the core, a list of str."""
    return fastebm_modules.decode().split()


def levels():
    """Names of the levels that were built, in the order of `use_level`, a list of str."""
    return fastebm_levels.decode().split()


def use_level(int index):
    """Take the kernels of a level, by its place in `levels`; before any module that has kernels is imported."""
    global fastebm_level
    fastebm_level = index
