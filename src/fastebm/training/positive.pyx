"""The positive phase: which rows of the data an update sees, and how they are changed."""

import numpy as np

from libc.stdint cimport uint64_t

from .._runtime.fast cimport address
from ..kernels.layout cimport gather
from ..kernels.random cimport BATCH, Key, counter
from ..kernels.subset cimport draw_subset
from .augment cimport Changes


cdef class Positive:
    """Batches of rows, drawn without replacement within an update.

    Parameters
    ----------
    data : ndarray of shape (n_samples, n_features)
        C-ordered float64, checked by the caller.
    batch : int
        Rows of an update; all of them, in order, if there are no more.
    changes : Changes, optional
        What is done to the rows of a batch.
    """

    def __init__(self, data, batch, Changes changes=None):
        self.data, self.rows = data, address(data)
        self.n_data, self.features = data.shape
        self.batch = min(batch, self.n_data)
        if self.batch < self.n_data:
            self.order = np.arange(self.n_data)
        self.chosen = np.arange(self.batch)
        self.swapped = np.empty(self.batch, dtype=np.int64)
        self.uniforms = np.empty(self.batch + 1)
        self.changes, self.changed = changes, changes is not None and not changes.nothing

    cdef int draw(self, Key key, uint64_t update) noexcept nogil:
        if self.batch < self.n_data:
            draw_subset(&self.order[0], self.n_data, self.batch, &self.chosen[0], &self.swapped[0], &self.uniforms[0],
                        key, counter(BATCH, 0, update))
        if not self.changed or self.changes.compiled:
            return 0
        with gil:
            try:
                chosen = np.asarray(self.chosen)
                self.batch_rows = self.changes.rows(self.data[chosen], key, 0, update)
                self.seen = address(self.batch_rows)
            except BaseException as error:
                self.changes.failure = error
                return -1
        return 0

    cdef void load(self, Py_ssize_t start, Py_ssize_t n, double* x, double* work, Py_ssize_t stride, Key key,
                   uint64_t update) noexcept nogil:
        cdef Py_ssize_t i, d
        cdef const double* row
        if self.seen is not NULL:
            gather(self.seen + start * self.features, x, n, self.features, stride)
        elif self.batch == self.n_data:
            gather(self.rows + start * self.features, x, n, self.features, stride)
        else:
            for i in range(n):
                row = self.rows + self.chosen[start + i] * self.features
                for d in range(self.features):
                    x[d * stride + i] = row[d]
        if not self.changed:
            return
        if self.seen is NULL:
            self.changes.block(x, work, n, stride, key, start, update)
        else:
            self.changes.noise(x, work, n, stride, key, start, update)

    def state(self):
        """Nothing: a batch follows from the key and the number of the update."""
        return {}

    def restore(self, state):
        """Go on from what `state` returned."""
