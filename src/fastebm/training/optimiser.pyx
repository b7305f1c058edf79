"""From gradients to parameters: length and direction of a step, and the average that is reported."""

from fractions import Fraction

import numpy as np

from .result import fill_from

from libc.math cimport INFINITY, sqrt
from libc.stdint cimport int64_t

from .._runtime.fast cimport address, finite
from ..energies.base cimport Energy
from ..kernels.math cimport add_into, in_t, lane_dot, octant_cos, octant_sin, out_t, quotient

cdef enum:
    CONSTANT, LINEAR, COSINE

# Parameters that go through all loops at a time, so that they stay in the first cache: 8 kB an array.
cdef Py_ssize_t PIECE = 1024

KINDS = {"constant": CONSTANT, "linear": LINEAR, "cosine": COSINE}


# One loop each, on pointers that do not overlap, so that they vectorise. For 100,000 parameters, the sums of six
# blocks, Adam, a moving average and the loading of theta take 0.8 ms together (AVX-512, one busy thread; 1.4 before).

cdef inline void differ(in_t positive, in_t negative, out_t step, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(n):
        step[p] = positive[p] - negative[p]


cdef inline void penalise(in_t l2, in_t theta, out_t step, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(n):
        step[p] += 2.0 * l2[p] * theta[p]


cdef inline void scale(out_t step, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(n):
        step[p] *= by


cdef inline void walk(in_t theta, in_t step, out_t candidate, Py_ssize_t n, double rate) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(n):
        candidate[p] = theta[p] - rate * step[p]


cdef inline void clamp(out_t candidate, in_t lower, in_t upper, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t p
    cdef double g
    for p in range(n):
        g = candidate[p]
        g = lower[p] if g < lower[p] else g
        candidate[p] = upper[p] if g > upper[p] else g


cdef inline void blend(out_t total, in_t theta, Py_ssize_t n, double keep) noexcept nogil:
    cdef Py_ssize_t p
    cdef double rest = 1.0 - keep
    for p in range(n):
        total[p] = keep * total[p] + rest * theta[p]


cdef inline void moments_of(out_t step, in_t first, in_t second, out_t first_next, out_t second_next, Py_ssize_t n,
                            double beta1, double rest1, double beta2, double rest2) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(n):
        first_next[p] = beta1 * first[p] + rest1 * step[p]
        second_next[p] = beta2 * second[p] + rest2 * step[p] * step[p]


cdef inline void ratio(out_t step, in_t first, in_t second, Py_ssize_t n, double seen1, double seen2,
                       double epsilon) noexcept nogil:
    cdef Py_ssize_t p
    cdef double inverse1 = 1.0 / seen1, inverse2 = 1.0 / seen2
    for p in range(n):
        step[p] = quotient(first[p], seen1, inverse1) / (sqrt(quotient(second[p], seen2, inverse2)) + epsilon)


def rest_of(beta):
    """1 - beta for the decimal that beta was written as: 0.1 for 0.9, where 1 - 0.9 is 0.09999999999999998."""
    return float(1 - Fraction(repr(beta)))


cdef class Schedule:
    """Length of a step over the updates.

    Parameters
    ----------
    rate : float
        The longest.
    n_updates : int
    kind : {"constant", "linear", "cosine"}
        After the warm-up: as it is; down to 0 along a line; down to 0 along half a cosine.
    warm_up : int
        Updates over which the rate rises along a line from rate / warm_up.
    hold : float
        Share of the updates after the warm-up that still have the whole rate, before it falls.
    """

    def __init__(self, rate, n_updates, kind, warm_up, hold=0.0):
        self.rate, self.n_updates, self.warm_up, self.kind = rate, n_updates, warm_up, KINDS[kind]
        self.falls = falls_from(n_updates, warm_up, hold)

    cdef double at(self, int64_t update) noexcept nogil:
        cdef double part, half
        if update < self.warm_up:
            return self.rate * ((update + 1.0) / self.warm_up)
        if self.kind == CONSTANT or update < self.falls:
            return self.rate
        part = (update - self.falls) / max(self.n_updates - self.falls, 1.0)
        if self.kind == LINEAR:
            return self.rate * (1.0 - part)
        # (1 + cos(pi part)) / 2 = cos(pi part / 2)^2, without the C library's cosine: its last bit differs.
        half = octant_cos(2.0 * part) if part <= 0.5 else octant_sin(2.0 * (1.0 - part))
        return self.rate * half * half


cdef class Average:
    """Mean of theta over the updates from `first` on, or its exponential moving average.

    Parameters
    ----------
    n_params : int
    first : int
        Update from which a plain mean is taken.
    decay : float
        Of the moving average, over all updates; 0 for the plain mean.
    """

    def __init__(self, n_params, first, decay):
        self.first, self.decay = first, decay
        self.memory = np.zeros(max(n_params, 1))
        self.total = self.memory

    cdef void add(self, const double* theta, Py_ssize_t n, int64_t update) noexcept nogil:
        if self.decay > 0.0:
            self.count += 1
            blend(&self.total[0], theta, n, self.decay)
        elif update >= self.first:
            self.count += 1
            add_into(&self.total[0], theta, n)

    def value(self, last):
        """The average, or `last` if no update has entered it."""
        if not self.count:
            return last
        if self.decay > 0.0:
            # It began at zero: divide by the weights that it holds.
            return self.memory[:len(last)] / (1.0 - self.decay ** self.count)
        return self.memory[:len(last)] / self.count

    def state(self):
        return {"total": self.memory.copy(), "averaged": self.count}

    def restore(self, state):
        fill_from(self.memory, state["total"], "total")
        self.count = state["averaged"]


cdef class Optimiser:
    """Plain steps against the gradient.

    Parameters
    ----------
    theta : ndarray of shape (n_params,)
        Where to start.
    schedule : Schedule
    average : Average
    l2, lower, upper : ndarray of shape (n_params,)
        Penalty weights and bounds.
    clip_norm : float or None
        Largest Euclidean norm of the gradient; a longer one is scaled down to it.
    """

    def __init__(self, theta, Schedule schedule not None, Average average not None, l2, lower, upper, clip_norm=None):
        self.n_params = len(theta)
        self.schedule, self.average = schedule, average
        self.memory = np.zeros((3, max(self.n_params, 1)))
        self.memory[0, :self.n_params] = theta
        self._turn(0)
        self.step = np.zeros(max(self.n_params, 1))
        self.l2, self.lower, self.upper = l2, lower, upper
        far = np.finfo(float).max
        self.bounded = bool((lower > -far).any() or (upper < far).any())
        self.penalised = bool(np.any(l2))
        self.clip_norm = INFINITY if clip_norm is None else clip_norm

    cdef int _turn(self, int at) except -1:
        cdef double* rows = address(self.memory)
        cdef Py_ssize_t width = max(self.n_params, 1)
        self.at = at
        self.theta, self.candidate, self.previous = (
            rows + at * width, rows + (at + 1) % 3 * width, rows + (at + 2) % 3 * width
        )
        return 0

    cdef void direct(self, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        pass

    cdef void settle(self) noexcept nogil:
        pass

    cdef int take(self, const double* positive, const double* negative, Py_ssize_t start,
                  Py_ssize_t n) noexcept nogil:
        cdef double* step = &self.step[start]
        differ(positive, negative, step, n)
        if self.penalised:
            penalise(&self.l2[start], self.theta + start, step, n)
        if not finite(step, n):
            return -1
        # Clipping has to see all of them first.
        if self.clip_norm == INFINITY:
            self.direct(start, n)
        return 0

    cdef int step_to_candidate(self, Energy energy, int64_t update) noexcept nogil:
        cdef Py_ssize_t n = self.n_params, start = 0, m
        cdef double* step = &self.step[0]
        cdef double norm, rate = self.schedule.at(update)
        if self.clip_norm < INFINITY:
            norm = sqrt(lane_dot(step, step, n))
            if norm > self.clip_norm:
                scale(step, n, self.clip_norm / norm)
            self.direct(0, n)
        energy.identifiable(step)
        while start < n:
            m = min(PIECE, n - start)
            walk(self.theta + start, step + start, self.candidate + start, m, rate)
            if not finite(self.candidate + start, m):
                return -1
            if self.bounded:
                clamp(self.candidate + start, &self.lower[start], &self.upper[start], m)
            start += m
        return 0

    cdef int propose(self, Energy energy, const double* positive, const double* negative,
                     int64_t update) noexcept nogil:
        cdef Py_ssize_t start = 0, m
        while start < self.n_params:
            m = min(PIECE, self.n_params - start)
            if self.take(positive + start, negative + start, start, m):
                return -1
            start += m
        return self.step_to_candidate(energy, update)

    cdef void commit(self, int64_t update) noexcept nogil:
        cdef double* spare = self.previous
        self.settle()
        self.previous, self.theta, self.candidate = self.theta, self.candidate, spare
        self.at = (self.at + 1) % 3
        self.average.add(self.theta, self.n_params, update)

    @property
    def last(self):
        """Parameters after the last complete update."""
        return self.memory[self.at, :self.n_params].copy()

    @property
    def before(self):
        """Parameters with which the last complete update began."""
        return self.memory[(self.at + 2) % 3, :self.n_params].copy()

    def state(self):
        """What the next update depends on: a dict of ints, floats and arrays."""
        return {"theta": self.memory[self.at].copy(), **self.average.state()}

    def restore(self, state):
        """Go on from what `state` returned. Raises ValueError if it does not fit."""
        fill_from(self.memory[self.at], state["theta"], "theta")
        self.average.restore(state)

    def restore_before(self, theta):
        """Say with which parameters the last complete update began."""
        self.memory[(self.at + 2) % 3, :self.n_params] = theta


def falls_from(n_updates, warm_up, hold):
    """The first update at which the rate of a schedule is less than the whole, shape of Schedule's arguments."""
    return float(warm_up + int(hold * max(n_updates - warm_up, 0)))


cdef class Adam(Optimiser):
    """Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015.

    Parameters
    ----------
    theta, schedule, average, l2, lower, upper, clip_norm
        As for `Optimiser`.
    betas : (float, float)
    epsilon : float
    """

    def __init__(self, theta, schedule, average, l2, lower, upper, clip_norm=None, betas=(0.9, 0.999), epsilon=1e-8):
        Optimiser.__init__(self, theta, schedule, average, l2, lower, upper, clip_norm)
        self.moments = np.zeros((4, max(self.n_params, 1)))
        self._place(False)
        self.beta1, self.beta2 = betas
        self.rest1, self.rest2, self.epsilon = rest_of(self.beta1), rest_of(self.beta2), epsilon
        self.decay1 = self.decay2 = 1.0

    cdef int _place(self, bint odd) except -1:
        cdef double* rows = address(self.moments)
        cdef Py_ssize_t width = max(self.n_params, 1), now = 2 if odd else 0
        self.odd = odd
        self.first, self.second = rows + now * width, rows + (now + 1) * width
        self.first_next, self.second_next = rows + (2 - now) * width, rows + (3 - now) * width
        return 0

    cdef void direct(self, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        cdef Py_ssize_t end = start + n, m
        cdef double* step = &self.step[0]
        while start < end:
            m = min(PIECE, end - start)
            moments_of(step + start, self.first + start, self.second + start, self.first_next + start,
                       self.second_next + start, m, self.beta1, self.rest1, self.beta2, self.rest2)
            ratio(step + start, self.first_next + start, self.second_next + start, m,
                  1.0 - self.beta1 * self.decay1, 1.0 - self.beta2 * self.decay2, self.epsilon)
            start += m

    cdef void settle(self) noexcept nogil:
        self.first, self.first_next = self.first_next, self.first
        self.second, self.second_next = self.second_next, self.second
        self.odd = not self.odd
        self.decay1 *= self.beta1
        self.decay2 *= self.beta2

    cdef object _rows(self):
        return self.moments[2:] if self.odd else self.moments[:2]

    def state(self):
        first, second = self._rows()
        return Optimiser.state(self) | {
            "first": first.copy(), "second": second.copy(), "decay1": self.decay1, "decay2": self.decay2,
        }

    def restore(self, state):
        Optimiser.restore(self, state)
        for row, name in zip(self._rows(), ("first", "second")):
            fill_from(row, state[name], name)
        self.decay1, self.decay2 = state["decay1"], state["decay2"]
