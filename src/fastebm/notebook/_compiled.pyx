"""The compiled part of `fastebm.notebook`: two wells, Langevin steps, training.

Every function that draws takes a `random.getstate()` tuple and returns the new one with its result, so the
global generator is touched only by the caller, and only after success. The arithmetic is that of
`tests/notebook_oracle.py`, operation by operation, with the same C library: the results are the same bits.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.float cimport DBL_MAX
from libc.math cimport exp, fabs, isfinite, log1p
from libc.string cimport memcpy, memmove, memset

from ._lists cimport POLL, Memory, doubles, floats, look, number
from ._random cimport Chooser, Stream, Twister, fill_normal, normal, random53, uniform

cdef double EDGE = 6.0          # the notebook clips every chain to [-6, 6]

cdef enum:
    BLOCK = 512                 # chains whose noise is drawn together: 4 KB


# ---- The data


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


cdef int add_boltzmann(const Wells *w, double x_min, double dx, Py_ssize_t n_grid, double shift,
                       double *total, double *least) except -1 nogil:
    cdef Point p
    cdef double e, s = 0.0, lowest = DBL_MAX
    cdef Py_ssize_t i, left = POLL
    for i in range(n_grid):
        set_point(&p, w, x_min + (i + 0.5) * dx)
        e = energy_at(&p, w.c)
        if not isfinite(e):
            with gil:
                raise OverflowError(f"the energy at grid point {i} is too large for a float")
        s += exp(shift - e)
        lowest = e if e < lowest else lowest
        look(&left, 1)
    total[0], least[0] = s, lowest
    return 0


def sum_boltzmann(theta, double x_min, double dx, Py_ssize_t n_grid):
    """``sum_i exp(shift - E(x_i))`` at the midpoints, and the shift: 0, or min E where that is extreme."""
    cdef Wells w
    cdef double s, lowest, shift = 0.0
    read_theta(theta, "theta", &w)
    while True:
        with nogil:
            add_boltzmann(&w, x_min, dx, n_grid, shift, &s, &lowest)
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
