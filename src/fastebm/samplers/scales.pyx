"""The diagonal preconditioner that samplers with a step size share."""

from libc.stdlib cimport free, malloc

import numpy as np

from .._runtime.check import first_bad, numeric


cdef class Scales:
    """A scale for each feature, or none.

    Parameters
    ----------
    scale : array-like of shape (n_features,), or None
        Positive, in the units of x.
    """

    def __cinit__(self, scale=None):
        cdef Py_ssize_t d
        if scale is None:
            return
        values = np.atleast_1d(numeric(scale, "scale"))
        if values.ndim != 1 or not values.size:
            raise ValueError(f"scale must have shape (n_features,), got {values.shape}")
        first_bad(values, "scale")
        if not (values > 0).all():
            raise ValueError(f"scale must be positive, got {values.min():g}")
        self.n = values.size
        self.each = <double*>malloc(self.n * sizeof(double))
        if self.each is NULL:
            raise MemoryError
        for d in range(self.n):
            self.each[d] = values[d]
        self.given = tuple(values.tolist())

    def __dealloc__(self):
        free(self.each)

    @property
    def largest(self):
        """The largest scale; 1 without a preconditioner."""
        return 1.0 if self.given is None else max(self.given)

    def check(self, Py_ssize_t n_features):
        """Raise ValueError if these are the scales of another number of features."""
        if self.each is not NULL and self.n != n_features:
            raise ValueError(f"scale has {self.n} entries, but the energy has n_features={n_features}")
