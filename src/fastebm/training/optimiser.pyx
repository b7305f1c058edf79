"""From gradients to parameters: length and direction of a step, and the average that is reported."""

import numpy as np

from .result import fill_from

from libc.math cimport INFINITY, isfinite, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from ..energies.base cimport Energy
from ..kernels.math cimport octant_cos, octant_sin

cdef enum:
    CONSTANT, LINEAR, COSINE

KINDS = {"constant": CONSTANT, "linear": LINEAR, "cosine": COSINE}


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
    """

    def __init__(self, rate, n_updates, kind, warm_up):
        self.rate, self.n_updates, self.warm_up, self.kind = rate, n_updates, warm_up, KINDS[kind]

    cdef double at(self, int64_t update) noexcept nogil:
        cdef double part, half
        if update < self.warm_up:
            return self.rate * ((update + 1.0) / self.warm_up)
        if self.kind == CONSTANT:
            return self.rate
        part = (update - self.warm_up) / max(self.n_updates - self.warm_up, 1.0)
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
        cdef Py_ssize_t p
        if self.decay > 0.0:
            self.count += 1
            for p in range(n):
                self.total[p] = self.decay * self.total[p] + (1.0 - self.decay) * theta[p]
        elif update >= self.first:
            self.count += 1
            for p in range(n):
                self.total[p] += theta[p]

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
        self.memory = np.zeros(max(self.n_params, 1))
        self.memory[:self.n_params] = theta
        self.theta = self.memory
        self.candidate, self.step = np.zeros_like(self.memory), np.zeros_like(self.memory)
        self.l2, self.lower, self.upper = l2, lower, upper
        self.clip_norm = INFINITY if clip_norm is None else clip_norm

    cdef void direct(self, double* gradient) noexcept nogil:
        pass

    cdef void settle(self) noexcept nogil:
        pass

    cdef int propose(self, Energy energy, const double* positive, const double* negative,
                     int64_t update) noexcept nogil:
        cdef Py_ssize_t p
        cdef double g, norm = 0.0, rate = self.schedule.at(update)
        for p in range(self.n_params):
            g = positive[p] - negative[p] + 2.0 * self.l2[p] * self.theta[p]
            if not isfinite(g):
                return -1
            self.step[p] = g
        if self.clip_norm < INFINITY:
            for p in range(self.n_params):
                norm += self.step[p] * self.step[p]
            norm = sqrt(norm)
            if norm > self.clip_norm:
                for p in range(self.n_params):
                    self.step[p] *= self.clip_norm / norm
        self.direct(&self.step[0])
        energy.identifiable(&self.step[0])
        for p in range(self.n_params):
            g = self.theta[p] - rate * self.step[p]
            if not isfinite(g):
                return -1
            g = self.lower[p] if g < self.lower[p] else g
            self.candidate[p] = self.upper[p] if g > self.upper[p] else g
        return 0

    cdef void commit(self, int64_t update) noexcept nogil:
        self.settle()
        memcpy(&self.theta[0], &self.candidate[0], self.n_params * sizeof(double))
        self.average.add(&self.theta[0], self.n_params, update)

    @property
    def last(self):
        """Parameters after the last complete update."""
        return self.memory[:self.n_params].copy()

    def state(self):
        """What the next update depends on: a dict of ints, floats and arrays."""
        return {"theta": self.memory.copy(), **self.average.state()}

    def restore(self, state):
        """Go on from what `state` returned. Raises ValueError if it does not fit."""
        fill_from(self.memory, state["theta"], "theta")
        self.average.restore(state)


cdef class Adam(Optimiser):
    """Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015, with their defaults."""

    def __init__(self, theta, schedule, average, l2, lower, upper, clip_norm=None):
        Optimiser.__init__(self, theta, schedule, average, l2, lower, upper, clip_norm)
        self.moments = np.zeros((4, len(self.memory)))
        self.first, self.second, self.first_next, self.second_next = self.moments
        self.decay1 = self.decay2 = 1.0

    cdef void direct(self, double* gradient) noexcept nogil:
        cdef Py_ssize_t p
        cdef double g, m, v
        for p in range(self.n_params):
            g = gradient[p]
            m = 0.9 * self.first[p] + 0.1 * g
            v = 0.999 * self.second[p] + 0.001 * g * g
            self.first_next[p], self.second_next[p] = m, v
            gradient[p] = (m / (1.0 - 0.9 * self.decay1)) / (sqrt(v / (1.0 - 0.999 * self.decay2)) + 1e-8)

    cdef void settle(self) noexcept nogil:
        memcpy(&self.first[0], &self.first_next[0], self.n_params * sizeof(double))
        memcpy(&self.second[0], &self.second_next[0], self.n_params * sizeof(double))
        self.decay1 *= 0.9
        self.decay2 *= 0.999

    def state(self):
        return Optimiser.state(self) | {
            "first": self.moments[0].copy(), "second": self.moments[1].copy(),
            "decay1": self.decay1, "decay2": self.decay2,
        }

    def restore(self, state):
        Optimiser.restore(self, state)
        for row, name in enumerate(("first", "second")):
            fill_from(self.moments[row], state[name], name)
        self.decay1, self.decay2 = state["decay1"], state["decay2"]
