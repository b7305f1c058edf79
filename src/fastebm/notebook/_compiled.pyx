"""The compiled part of `fastebm.notebook`: two wells, CPython's random numbers, Langevin steps, training.

Every function that draws takes a `random.getstate()` tuple and returns the new one with its result, so the
global generator is touched only by the caller, and only after success. The arithmetic is that of
`tests/notebook_oracle.py`, operation by operation, with the same C library: the results are the same bits.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.float cimport DBL_MAX
from libc.math cimport ceil, cos, exp, fabs, frexp, isfinite, log, log1p, pow, sin, sqrt
from libc.stdint cimport SIZE_MAX, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove, memset

cdef double TWO_PI = 6.283185307179586
cdef double EDGE = 6.0          # the notebook clips every chain to [-6, 6]
cdef Py_ssize_t POLL = 1 << 17  # energy evaluations between two looks at pending signals: about 5 ms

cdef enum:
    BLOCK = 512                 # chains whose noise is drawn together: 4 KB
    FOLD = 512                  # numbers summed before the 64-bit partial sums could overflow
    N_EXPONENTS = 2100          # of doubles, as frexp counts them, from -1073 to 1024
    LOWEST_EXPONENT = -1074


@cython.final
cdef class Memory:
    """Room for doubles, or anything else no larger, freed with the object."""

    cdef double *at
    cdef Py_ssize_t size

    def __cinit__(self, Py_ssize_t size):
        if size > <Py_ssize_t> (SIZE_MAX // 16):
            raise MemoryError
        self.size = size
        self.at = <double *> malloc((size if size > 0 else 1) * sizeof(double))
        if self.at == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.at)


# ---- Lists in, lists out


cdef double number(value, name) except? -1:
    """`value` as a finite double."""
    cdef double x = value
    if not isfinite(x):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return x


cdef Memory doubles(values, name):
    """A copy of a sequence of finite numbers."""
    cdef list items = list(values)
    cdef Memory out = Memory(len(items))
    cdef Py_ssize_t i
    cdef double x
    for i in range(out.size):
        x = items[i]
        if not isfinite(x):
            raise ValueError(f"{name}[{i}] must be finite, got {items[i]!r}")
        out.at[i] = x
        if (i + 1) % POLL == 0:
            PyErr_CheckSignals()
    return out


cdef list floats(const double *x, Py_ssize_t n):
    cdef list out = []
    cdef Py_ssize_t i
    for i in range(n):
        out.append(x[i])
        if (i + 1) % POLL == 0:
            PyErr_CheckSignals()
    return out


cdef int look(Py_ssize_t *left, Py_ssize_t used) except -1 nogil:
    """Count `used` evaluations; now and then run pending signal handlers, so that Ctrl-C works."""
    left[0] -= used
    if left[0] < 0:
        left[0] = POLL
        with gil:
            PyErr_CheckSignals()
    return 0


# ---- Random numbers: the Mersenne Twister and what CPython's random.py makes of it


cdef struct Twister:
    uint32_t word[624]
    int next
    bint has_spare              # random.gauss makes two normals at a time and keeps one
    double spare


cdef inline uint32_t twist(uint32_t high, uint32_t low, uint32_t far) noexcept nogil:
    return far ^ (((high & 0x80000000u) | (low & 0x7fffffffu)) >> 1) ^ ((0 - (low & 1)) & 0x9908b0dfu)


cdef void refill(uint32_t *w) noexcept nogil:
    cdef int i
    for i in range(227):
        w[i] = twist(w[i], w[i + 1], w[i + 397])
    for i in range(227, 623):
        w[i] = twist(w[i], w[i + 1], w[i - 227])
    w[623] = twist(w[623], w[0], w[396])


cdef inline uint32_t random32(Twister *t) noexcept nogil:
    cdef uint32_t y
    if t.next >= 624:
        refill(t.word)
        t.next = 0
    y = t.word[t.next]
    t.next += 1
    y ^= y >> 11
    y ^= (y << 7) & 0x9d2c5680u
    y ^= (y << 15) & 0xefc60000u
    return y ^ (y >> 18)


cdef inline double random53(Twister *t) noexcept nogil:
    """random.random()"""
    cdef uint32_t a = random32(t) >> 5
    cdef uint32_t b = random32(t) >> 6
    return (a * 67108864.0 + b) * (1.0 / 9007199254740992.0)


cdef inline double uniform(Twister *t, double low, double high) noexcept nogil:
    """random.uniform(low, high)"""
    return low + (high - low) * random53(t)


cdef inline double normal(Twister *t) noexcept nogil:
    """random.gauss(0.0, 1.0), whose mu + z * sigma turns -0.0 into 0.0."""
    cdef double angle, radius
    if t.has_spare:
        t.has_spare = False
        return 0.0 + t.spare
    angle = random53(t) * TWO_PI
    radius = sqrt(-2.0 * log(1.0 - random53(t)))
    t.spare = sin(angle) * radius
    t.has_spare = True
    return 0.0 + cos(angle) * radius


cdef void fill_normal(Twister *t, double *z, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = normal(t)


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

    cdef Twister t

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

    cdef Memory pool, taken

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


def sample_real(state, Py_ssize_t n):
    """`n` numbers from 0.55 N(-2, 0.45^2) + 0.45 N(1.8, 0.55^2), and the new state."""
    cdef Stream rng = Stream(state)
    cdef Memory x = Memory(n)
    cdef Py_ssize_t i, left = POLL
    with nogil:
        for i in range(n):
            if random53(&rng.t) < 0.55:
                x.at[i] = -2.0 + normal(&rng.t) * 0.45
            else:
                x.at[i] = 1.8 + normal(&rng.t) * 0.55
            look(&left, 1)
    return floats(x.at, n), rng.state()


# ---- The energy of two wells


cdef struct Wells:
    double a1, m1, k1, a2, m2, k2, c


cdef struct Point:
    double q1, q2               # a d^2
    double s1, s2               # slopes, 2 a d
    double e1, e2, t            # energies of the wells, exp(-|e1 - e2|)
    double w1, w2               # weights


cdef inline double clamp(double x, double low, double high) noexcept nogil:
    return low if x < low else high if x > high else x


cdef void set_wells(Wells *w, const double *theta) noexcept nogil:
    w.a1 = exp(clamp(theta[0], -5.0, 5.0))
    w.m1 = theta[1]
    w.k1 = theta[2]
    w.a2 = exp(clamp(theta[3], -5.0, 5.0))
    w.m2 = theta[4]
    w.k2 = theta[5]
    w.c = theta[6]


cdef Memory read_theta(theta, name, Wells *w):
    cdef Memory out = doubles(theta, name)
    if out.size != 7:
        raise ValueError(f"{name} must hold 7 numbers, [raw_a1, m1, k1, raw_a2, m2, k2, c], got {out.size}")
    set_wells(w, out.at)
    return out


cdef inline void set_point(Point *p, const Wells *w, double x) noexcept nogil:
    cdef double d1 = x - w.m1
    cdef double d2 = x - w.m2
    cdef double low, high
    p.q1 = w.a1 * d1 * d1
    p.q2 = w.a2 * d2 * d2
    p.s1 = 2.0 * w.a1 * d1
    p.s2 = 2.0 * w.a2 * d2
    p.e1 = p.q1 + w.k1
    p.e2 = p.q2 + w.k2
    # One exponential, of a number never positive: no overflow, no 0/0, and a tiny weight keeps its digits.
    p.t = exp(-fabs(p.e1 - p.e2))
    low = 1.0 / (1.0 + p.t)
    high = p.t / (1.0 + p.t)
    p.w1 = low if p.e1 <= p.e2 else high
    p.w2 = high if p.e1 <= p.e2 else low


cdef inline double share(double w, double v) noexcept nogil:
    """w * v, but 0 for a well of weight 0, however far."""
    return w * v if w != 0.0 else 0.0


cdef inline double energy_at(const Point *p, double c) noexcept nogil:
    return (p.e1 if p.e1 <= p.e2 else p.e2) - log1p(p.t) + c


cdef inline double slope_at(const Point *p) noexcept nogil:
    return share(p.w1, p.s1) + share(p.w2, p.s2)


cdef inline void param_grad_at(const Point *p, double *g) noexcept nogil:
    g[0] = share(p.w1, p.q1)
    g[1] = -share(p.w1, p.s1)
    g[2] = p.w1
    g[3] = share(p.w2, p.q2)
    g[4] = -share(p.w2, p.s2)
    g[5] = p.w2
    g[6] = 1.0


def energy_value(x, theta):
    """E(x)."""
    cdef Wells w
    cdef Point p
    cdef double e
    read_theta(theta, "theta", &w)
    set_point(&p, &w, number(x, "x"))
    e = energy_at(&p, w.c)
    if not isfinite(e):
        raise OverflowError(f"the energy at x={x!r} is too large for a float")
    return e


def energy_and_grads(x, theta):
    """E(x), dE/dx, dE/dtheta."""
    cdef Wells w
    cdef Point p
    cdef double e
    cdef double[7] g
    read_theta(theta, "theta", &w)
    set_point(&p, &w, number(x, "x"))
    e = energy_at(&p, w.c)
    if not isfinite(e):
        raise OverflowError(f"the energy at x={x!r} is too large for a float")
    param_grad_at(&p, g)
    return e, slope_at(&p), [g[0], g[1], g[2], g[3], g[4], g[5], g[6]]


cdef int average_grads(const Wells *w, const double *x, Py_ssize_t n,
                       double *e_mean, double *g_mean) except -1 nogil:
    """Means over `n` numbers of E and dE/dtheta."""
    cdef Point p
    cdef double e = 0.0, check
    cdef double[7] g
    cdef Py_ssize_t i, k, left = POLL
    memset(g_mean, 0, 7 * sizeof(double))
    for i in range(n):
        set_point(&p, w, x[i])
        e += energy_at(&p, w.c)
        param_grad_at(&p, g)
        for k in range(7):
            g_mean[k] += g[k]
        look(&left, 1)
    check = e
    for k in range(7):
        check += 0.0 * g_mean[k]
        g_mean[k] /= n
    e_mean[0] = e / n
    if not isfinite(check):
        with gil:
            raise FloatingPointError("the energies or their gradients add up to more than a float holds")
    return 0


def mean_grads(xs, theta):
    """Means over `xs` of E and dE/dtheta."""
    cdef Wells w
    cdef Memory x = doubles(xs, "xs")
    cdef double e
    cdef double[7] g
    read_theta(theta, "theta", &w)
    if x.size == 0:
        raise ValueError("xs is empty: its mean is not defined")
    with nogil:
        average_grads(&w, x.at, x.size, &e, g)
    return e, floats(g, 7)


def sum_boltzmann(theta, double x_min, double dx, Py_ssize_t n_grid):
    """``sum_i exp(shift - E(x_i))`` at the midpoints, and the shift: 0, or min E where that is extreme."""
    cdef Wells w
    cdef Point p
    cdef double e, s = 0.0, lowest = DBL_MAX, shift = 0.0
    cdef Py_ssize_t i, left = POLL
    read_theta(theta, "theta", &w)
    while True:
        s = 0.0
        with nogil:
            for i in range(n_grid):
                set_point(&p, &w, x_min + (i + 0.5) * dx)
                e = energy_at(&p, w.c)
                if not isfinite(e):
                    with gil:
                        raise OverflowError(f"the energy at grid point {i} is too large for a float")
                s += exp(shift - e)
                lowest = e if e < lowest else lowest
                look(&left, 1)
        if shift != 0.0 or fabs(lowest) <= 600.0:
            return s, shift
        shift = lowest


# ---- Langevin steps


cdef Py_ssize_t move(const Wells *w, double *x, const double *z, Py_ssize_t n,
                     double h, double s) noexcept nogil:
    """One step of `n` chains. Returns the first that is infinite or NaN (clipping would hide it), or -1."""
    cdef Point p
    cdef double moved
    cdef Py_ssize_t i
    for i in range(n):
        set_point(&p, w, x[i])
        moved = x[i] - h * slope_at(&p) + s * z[i]
        if not (fabs(moved) <= DBL_MAX):
            return i
        x[i] = clamp(moved, -EDGE, EDGE)
    return -1


cdef int langevin(Twister *t, const Wells *w, double *x, Py_ssize_t n, Py_ssize_t n_steps,
                  double h, double s) except -1 nogil:
    cdef double[BLOCK] z
    cdef Py_ssize_t step, at, m, bad, left = POLL
    if n == 0:
        return 0
    for step in range(n_steps):
        at = 0
        while at < n:
            m = n - at if n - at < BLOCK else BLOCK
            fill_normal(t, z, m)
            bad = move(w, x + at, z, m, h, s)
            if bad >= 0:
                with gil:
                    raise FloatingPointError(
                        f"Langevin step {step} takes chain {at + bad} to infinity or NaN"
                    )
            at += m
            look(&left, m)
    return 0


def sgld_samples(state, theta, x_init, Py_ssize_t n_steps, double step_size, double noise_std):
    """`n_steps` Langevin steps from `x_init`, and the new state."""
    cdef Wells w
    cdef Memory x = doubles(x_init, "x_init")
    cdef Stream rng = Stream(state)
    read_theta(theta, "theta", &w)
    with nogil:
        langevin(&rng.t, &w, x.at, x.size, n_steps, step_size, noise_std)
    return floats(x.at, x.size), rng.state()


def draw_model_samples(state, theta, Py_ssize_t n):
    """`n` chains of 60 steps from uniform starts, and the new state."""
    cdef Wells w
    cdef Memory x = Memory(n)
    cdef Stream rng = Stream(state)
    cdef Py_ssize_t i, left = POLL
    read_theta(theta, "theta", &w)
    with nogil:
        for i in range(n):
            x.at[i] = uniform(&rng.t, -4.5, 4.5)
            look(&left, 1)
        langevin(&rng.t, &w, x.at, n if n > 0 else 0, 60, 0.05, 0.07)
    return floats(x.at, n), rng.state()


# ---- Training


@cython.final
cdef class Window:
    """The newest `capacity` numbers, in order, in memory that slides back only when its end is reached."""

    cdef Memory items
    cdef Py_ssize_t capacity, start, size

    def __cinit__(self, Py_ssize_t capacity, Py_ssize_t most_added):
        self.items = Memory(4 * capacity + most_added)
        self.capacity = capacity
        self.start = 0
        self.size = 0

    cdef double *first(self) noexcept:
        return self.items.at + self.start

    cdef void add(self, const double *x, Py_ssize_t n) noexcept:
        if self.start + self.size + n > self.items.size:
            memmove(self.items.at, self.first(), self.size * sizeof(double))
            self.start = 0
        memcpy(self.first() + self.size, x, n * sizeof(double))
        self.size += n
        if self.size > self.capacity:
            self.start += self.size - self.capacity
            self.size = self.capacity


cdef Py_ssize_t draw_negatives(Twister *t, Chooser chooser, Window replay, Py_ssize_t n_replay,
                               Py_ssize_t batch_size, Py_ssize_t *index, double *x) noexcept:
    """Chains from the replay buffer, all of it in order if it has only `n_replay`; the rest uniform."""
    cdef Py_ssize_t n = n_replay if n_replay < replay.size else replay.size
    cdef Py_ssize_t i
    cdef double *items = replay.first()
    if n == replay.size:
        memcpy(x, items, n * sizeof(double))
    else:
        chooser.choose(t, replay.size, n, index)
        for i in range(n):
            x[i] = items[index[i]]
    for i in range(n, batch_size):
        x[i] = uniform(t, -4.5, 4.5)
    return n if n > batch_size else batch_size


def train(state, theta_init, real_data, Py_ssize_t n_updates, Py_ssize_t batch_size, Py_ssize_t n_replay,
          Py_ssize_t capacity, Py_ssize_t n_steps, double lr, double reg, bounds, Py_ssize_t record_every):
    """Contrastive training: theta, history, the replayed states, and the new state.

    `bounds` holds the largest absolute value of each of the seven parameters.
    """
    cdef Wells w
    cdef Memory theta = read_theta(theta_init, "theta_init", &w)
    cdef Memory data = doubles(real_data, "real_data")
    cdef Py_ssize_t most = n_replay if n_replay < capacity else capacity
    if not 1 <= batch_size <= data.size:
        raise ValueError(f"batch_size must be in [1, len(real_data)] = [1, {data.size}], got {batch_size}")
    if n_replay < 0 or capacity < 0:
        raise ValueError(f"replay_ratio must not be negative: {n_replay} chains from a buffer of {capacity}")
    most = batch_size if batch_size > most else most
    cdef Stream rng = Stream(state)
    cdef Window replay = Window(capacity, most)
    cdef Chooser chooser = Chooser(data.size if data.size > capacity else capacity)
    cdef Memory bound = Memory(7)
    cdef Memory index = Memory(most)
    cdef Memory positive = Memory(batch_size)
    cdef Memory negative = Memory(most)
    cdef Py_ssize_t *chosen = <Py_ssize_t *> index.at
    cdef Py_ssize_t step, i, n
    cdef double e_data, e_neg
    cdef double[7] g_data, g_neg
    cdef list history = []
    for i, value in zip(range(7), bounds, strict=True):
        bound.at[i] = value

    for step in range(n_updates):
        PyErr_CheckSignals()
        chooser.choose(&rng.t, data.size, batch_size, chosen)
        for i in range(batch_size):
            positive.at[i] = data.at[chosen[i]]
        n = draw_negatives(&rng.t, chooser, replay, n_replay, batch_size, chosen, negative.at)
        try:
            with nogil:
                langevin(&rng.t, &w, negative.at, n, n_steps, 0.055, 0.085)
                average_grads(&w, positive.at, batch_size, &e_data, g_data)
                average_grads(&w, negative.at, n, &e_neg, g_neg)
            replay.add(negative.at, n)
            descend(theta.at, g_data, g_neg, lr, reg, bound.at)
        except FloatingPointError as error:
            raise FloatingPointError(f"training step {step}: {error}") from None
        set_wells(&w, theta.at)
        if record_every and step % record_every == 0:
            history.append((step, e_data, e_neg, e_data - e_neg, floats(theta.at, 7), replay.size))
    return floats(theta.at, 7), history, floats(replay.first(), replay.size), rng.state()


cdef int descend(double *theta, const double *g_data, const double *g_neg, double lr, double reg,
                 const double *bound) except -1:
    """theta <- clip(theta - lr (g_data - g_neg + gradient of reg (raw_a^2 + 0.2 k^2)))"""
    cdef double[7] g
    cdef int i
    for i in range(7):
        g[i] = g_data[i] - g_neg[i]
    for i in range(0, 6, 3):
        g[i] += 2.0 * reg * theta[i]
        g[i + 2] += 2.0 * reg * 0.2 * theta[i + 2]
    for i in range(7):
        theta[i] -= lr * g[i]
        if not isfinite(theta[i]):
            raise FloatingPointError(f"the update takes theta[{i}] to infinity or NaN")
        theta[i] = clamp(theta[i], -bound[i], bound[i])
    return 0


# ---- Exact moments


def exact_sums(xs):
    """Exact ``sum x`` and ``sum x^2`` as integers over 2^1127 and 2^2254, the count below 0, and the count.

    A double is an integer of 53 bits times a power of two: sums of equal exponents fit 64 bits for `FOLD`
    numbers, then Python's integers take over. With halves h and m, squares are h^2 2^54 + h m 2^28 + m^2.
    """
    cdef Memory x = doubles(xs, "xs")
    cdef Memory room = Memory(4 * N_EXPONENTS)
    cdef int64_t *sums = <int64_t *> room.at
    cdef int64_t mantissa, h, m
    cdef Py_ssize_t i, below_zero = 0
    cdef int exponent, lowest = N_EXPONENTS, highest = 0
    total = squares = 0
    memset(sums, 0, 4 * N_EXPONENTS * sizeof(int64_t))
    for i in range(x.size):
        below_zero += x.at[i] < 0.0
        mantissa = <int64_t> (frexp(x.at[i], &exponent) * 9007199254740992.0)
        exponent -= LOWEST_EXPONENT
        lowest = exponent if exponent < lowest else lowest
        highest = exponent if exponent > highest else highest
        sums[4 * exponent] += mantissa
        mantissa = mantissa if mantissa >= 0 else -mantissa
        h = mantissa >> 27
        m = mantissa & 0x7ffffff
        sums[4 * exponent + 1] += h * h
        sums[4 * exponent + 2] += h * m
        sums[4 * exponent + 3] += m * m
        if (i + 1) % FOLD == 0 or i + 1 == x.size:
            for exponent in range(lowest, highest + 1):
                if sums[4 * exponent + 1]:
                    total += sums[4 * exponent] << <object> exponent
                    square = (sums[4 * exponent + 1] << <object> 54) + (sums[4 * exponent + 2] << <object> 28)
                    squares += (square + sums[4 * exponent + 3]) << <object> (2 * exponent)
            memset(sums + 4 * lowest, 0, 4 * (highest - lowest + 1) * sizeof(int64_t))
            lowest = N_EXPONENTS
            highest = 0
            PyErr_CheckSignals()
    return total, squares, below_zero, x.size
