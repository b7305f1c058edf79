"""The history of a run: a few numbers of every update, and theta of all of them or of as many as fit."""

import numpy as np

from .result import fill_from

from libc.stdint cimport int64_t
from libc.string cimport memcpy

# Numbers of theta that a trace holds unless it is asked for in full: 128 MB. A thinned trace, which every checkpoint
# holds too, has an eighth of that.
ROOM = 1 << 24
THINNED_ROOM = ROOM >> 3
# Rows of a thinned trace.
FEWEST, MOST = 16, 1024


cdef class History:
    """Collects what the updates report.

    Parameters
    ----------
    n_updates, n_params : int
    trace_theta : bool or "auto"
        Keep theta of every update; "auto": if that is at most 2^24 numbers. Otherwise every k-th is kept, with k
        doubled whenever the room is full, and always the last.
    """

    def __init__(self, n_updates, n_params, trace_theta):
        self.n_updates, self.n_params = n_updates, n_params
        if trace_theta == "auto":
            trace_theta = n_updates * n_params <= ROOM
        rows = max(FEWEST, min(MOST, THINNED_ROOM // max(n_params, 1)))
        self.capacity = n_updates if trace_theta else min(n_updates, rows)
        self.every = 1
        self.scalars = np.zeros((n_updates, 3))
        self.thetas = np.zeros((max(self.capacity, 1), max(n_params, 1)))
        self.steps = np.zeros(max(self.capacity, 1), dtype=np.int64)
        self.rows, self.kept, self.at = self.scalars, self.thetas, self.steps

    cdef void add(self, double energy_data, double energy_model, double ess, const double* theta) noexcept nogil:
        cdef Py_ssize_t i, place = self.n_kept
        cdef int64_t update = self.count
        self.rows[update, 0], self.rows[update, 1], self.rows[update, 2] = energy_data, energy_model, ess
        if place == self.capacity:
            # Every second row makes room.
            self.every *= 2
            place = 0
            for i in range(self.n_kept):
                if self.at[i] % self.every == 0:
                    if i != place:
                        memcpy(&self.kept[place, 0], &self.kept[i, 0], self.n_params * sizeof(double))
                        self.at[place] = self.at[i]
                    place += 1
        if update % self.every == 0:
            memcpy(&self.kept[place, 0], theta, self.n_params * sizeof(double))
            self.at[place] = update
            place += 1
        self.n_kept = place
        self.count = update + 1

    @property
    def full(self):
        """Is theta of every update kept?"""
        return self.capacity == self.n_updates

    def last(self):
        """(energy_data, energy_model) of the last update."""
        return float(self.rows[self.count - 1, 0]), float(self.rows[self.count - 1, 1])

    def numbers(self):
        """energy_data, energy_model and the effective share of the chains, shape (count, 3)."""
        return self.scalars[:self.count].copy()

    def trace(self, before):
        """(updates, thetas as they were when those began), shapes (n_rows,) and (n_rows, n_params).

        `before` is theta with which the last update began, which is always the last row: keeping it ready would cost a
        copy of theta in every update.
        """
        steps, thetas = self.steps[:self.n_kept], self.thetas[:self.n_kept, :self.n_params]
        if self.count and (not self.n_kept or steps[-1] != self.count - 1):
            return np.append(steps, self.count - 1), np.vstack([thetas, before])
        return steps.copy(), thetas.copy()

    def state(self, before):
        """All of it: a dict of ints and arrays."""
        steps, thetas = self.trace(before)
        return {"rows": self.numbers(), "steps": steps, "thetas": thetas, "every": self.every}

    def restore(self, state):
        """Go on from what `state` returned. Raises ValueError if it does not fit.

        Returns
        -------
        ndarray of shape (n_params,) or None
            Theta with which the last update began.
        """
        count, rows, every = len(state["rows"]), len(state["steps"]), int(state["every"])
        if not (count <= self.n_updates and every >= 1):
            raise ValueError("the history does not fit the settings")
        fill_from(self.scalars[:count], state["rows"], "rows")
        if state["steps"].dtype != np.int64 or state["thetas"].shape != (rows, self.n_params):
            raise ValueError("the rows of theta do not belong together")
        on_trial = bool(rows and state["steps"][-1] % every)
        kept = rows - on_trial
        if kept > self.capacity:
            raise ValueError("the history does not fit the settings")
        fill_from(self.steps[:kept], state["steps"][:kept], "steps")
        fill_from(self.thetas[:kept, :self.n_params], state["thetas"][:kept], "thetas")
        self.count, self.n_kept, self.every = count, kept, every
        return state["thetas"][-1] if rows else None
