"""Independent Student laws: heavy tails."""

import math

import numpy as np

from .._runtime.check import first_bad, integer, numeric, real
from .._runtime.seed import seed_sequence

cimport cython
from libc.stdlib cimport free, malloc

from ..kernels.math cimport fill, in_t, log1p_positive, out_t
from .base cimport Energy


cdef void add_log(in_t x, out_t out, Py_ssize_t n, double half, double centre, double rate) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u, q
    for i in range(n):
        u = x[i] - centre
        q = rate * (u * u)
        # The last term: what is not a number, or beyond the logarithm's range, stays so.
        out[i] += half * (log1p_positive(q) + 0.0 * q)


cdef void set_slope(in_t x, out_t out, Py_ssize_t n, double half, double centre, double rate) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u
    for i in range(n):
        u = x[i] - centre
        out[i] = 2.0 * half * rate * u / (1.0 + rate * (u * u))


cdef void add_curvature(in_t x, out_t out, Py_ssize_t n, double half, double centre, double rate) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u, q, d
    for i in range(n):
        u = x[i] - centre
        q = rate * (u * u)
        d = 1.0 + q
        out[i] += 2.0 * half * rate * ((1.0 - q) / (d * d))


@cython.final
cdef class StudentT(Energy):
    r"""Independent Student laws: tails that fall like a power.

    .. math:: E(x) = \frac{\nu + 1}{2} \sum_d \log\Bigl(1 + \frac{(x_d - m_d)^2}{\nu s_d^2}\Bigr).

    Parameters
    ----------
    df : float
        Degrees of freedom: 1 is the law of Cauchy, large ones the normal law.
    loc, scale : float or array-like of shape (n_features,), default 0.0 and 1.0
        Centre and scale of every feature, in the units of x; one number stands for all features of the other.

    Raises
    ------
    ValueError, TypeError
        If the shapes disagree, a value is not finite, or df or a scale is not positive.

    Notes
    -----
    log Z is the sum of log(s sqrt(nu pi) Gamma(nu / 2) / Gamma((nu + 1) / 2)) over the features. Langevin dynamics
    without an accept step, and moves with normal proposals, reach tails this heavy only slowly.

    Examples
    --------
    >>> import math
    >>> import fastebm as fe
    >>> round(math.exp(fe.StudentT(1.0).log_partition()), 6)
    3.141593
    """

    cdef readonly double df
    cdef object centres, scales
    cdef double* centre
    cdef double* rate

    def __init__(self, df, loc=0.0, scale=1.0):
        nu = real(df, "df", above=0)
        centres, scales = np.atleast_1d(numeric(loc, "loc")), np.atleast_1d(numeric(scale, "scale"))
        for value, name in ((centres, "loc"), (scales, "scale")):
            if value.ndim != 1 or not value.size:
                raise ValueError(f"{name} must be a number or have shape (n_features,), got {value.shape}")
            first_bad(value, name)
        if not (scales > 0).all():
            raise ValueError(f"scale must be positive, got {scales.min():g}")
        if len({centres.size, scales.size} - {1}) > 1:
            raise ValueError(f"loc and scale must have the same shape, got {centres.shape} and {scales.shape}")
        cdef Py_ssize_t d, features = max(centres.size, scales.size)
        centres, scales = np.broadcast_to(centres, features), np.broadcast_to(scales, features)
        with np.errstate(all="ignore"):
            rates = 1.0 / (nu * scales * scales)
        if not (np.isfinite(rates).all() and (rates > 0).all()):
            raise ValueError(f"scale and df are beyond the range of float64: {scales.min():g}, {nu:g}; rescale x")
        self.allocate(features, 0)
        self.centre = <double*>malloc(2 * features * sizeof(double))
        if self.centre is NULL:
            raise MemoryError
        self.rate = self.centre + features
        self.block_size = max(32, min(512, 65536 // (4 * features) & ~7))
        self.df, self.centres, self.scales = nu, centres.copy(), scales.copy()
        for d in range(features):
            self.centre[d], self.rate[d] = centres[d], rates[d]

    def __dealloc__(self):
        free(self.centre)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        fill(out, n, 0.0)
        for d in range(self.n_features):
            add_log(x + d * stride, out, n, 0.5 * (self.df + 1.0), self.centre[d], self.rate[d])
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        for d in range(self.n_features):
            set_slope(x + d * stride, out + d * stride, n, 0.5 * (self.df + 1.0), self.centre[d], self.rate[d])
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        fill(out, n, 0.0)
        for d in range(self.n_features):
            add_curvature(x + d * stride, out, n, 0.5 * (self.df + 1.0), self.centre[d], self.rate[d])
        return 0

    @property
    def loc(self):
        """Centres, shape (n_features,), in the units of x."""
        self._check_ready()
        return self.centres.copy()

    @property
    def scale(self):
        """Scales, shape (n_features,), in the units of x."""
        self._check_ready()
        return self.scales.copy()

    def log_partition(self):
        """log Z, exact, as a float."""
        self._check_ready()
        one = 0.5 * math.log(math.pi) + math.lgamma(0.5 * self.df) - math.lgamma(0.5 * (self.df + 1.0))
        return sum(one - 0.5 * math.log(self.rate[d]) for d in range(self.n_features))

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, n_features).

        Raises
        ------
        ValueError, TypeError
            If n is not an integer of at least 0 or seed is not a seed.
        """
        self._check_ready()
        rng = np.random.default_rng(seed_sequence(seed))
        return self.loc + self.scale * rng.standard_t(self.df, (integer(n, "n", 0), self.n_features))

    def _arguments(self):
        return {"df": self.df, "loc": self.loc.tolist(), "scale": self.scale.tolist()}
