"""The phi^4 chain: double wells that hold hands."""

import math

import numpy as np

from libc.string cimport memset

from .._runtime.check import integer, real, samples
from .._runtime.seed import seed_sequence

cimport cython

from ..kernels.math cimport in_t, out_t
from .base cimport Energy


cdef void add_site(in_t x, out_t out, Py_ssize_t n, double h) noexcept nogil:
    cdef Py_ssize_t i
    cdef double v
    for i in range(n):
        v = x[i] * x[i] - 1.0
        out[i] += h * (v * v)


cdef void add_bond(in_t x, in_t y, out_t out, Py_ssize_t n, double half) noexcept nogil:
    cdef Py_ssize_t i
    cdef double v
    for i in range(n):
        v = y[i] - x[i]
        out[i] += half * (v * v)


cdef void set_slope(in_t x, out_t out, Py_ssize_t n, double h) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = 4.0 * h * ((x[i] * x[i] - 1.0) * x[i])


cdef void pull(in_t x, in_t y, out_t gx, out_t gy, Py_ssize_t n, double coupling) noexcept nogil:
    cdef Py_ssize_t i
    cdef double v
    for i in range(n):
        v = coupling * (y[i] - x[i])
        gx[i] -= v
        gy[i] += v


cdef void add_curvature(in_t x, out_t out, Py_ssize_t n, double h, double bonds) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += h * (12.0 * (x[i] * x[i]) - 4.0) + bonds


@cython.final
cdef class PhiFour(Energy):
    r"""phi^4 chain with open ends: a quartic double well at every site, neighbours pulled together.

    .. math:: E(x) = \sum_d h (x_d^2 - 1)^2 + \sum_{d < D} \frac{\kappa}{2} (x_{d+1} - x_d)^2.

    With much coupling the sites agree and the chain has two modes, all up and all down, of half the mass each; to
    change sides a sampler has to carry a wall from one end to the other.

    Parameters
    ----------
    n_features : int, default 8
        Sites, at least 2.
    height : float, default 1.0
        h, of the barrier at a site, in nats.
    coupling : float, default 5.0
        kappa, at least 0.

    Raises
    ------
    ValueError, TypeError
        If n_features is not an integer of at least 2, height not positive or coupling negative.

    Notes
    -----
    log Z is a product of transfer operators (Kramers and Wannier 1941) on a grid, where the trapezoidal rule converges
    exponentially: 1e-12. Samples are drawn site by site from the same grid.

    Examples
    --------
    >>> import fastebm as fe
    >>> chain = fe.PhiFour(16)
    >>> bool(abs(chain.exact_sample(2000, seed=1).mean()) < 0.1)
    True
    """

    cdef readonly double height
    cdef readonly double coupling
    cdef object grid
    cdef object messages
    cdef object log_z

    def __init__(self, n_features=8, height=1.0, coupling=5.0):
        cdef Py_ssize_t features = integer(n_features, "n_features", 2, 10_000)
        h, kappa = real(height, "height", above=0, maximum=1e4), real(coupling, "coupling", minimum=0, maximum=1e4)
        self.allocate(features, 0)
        self.block_size = max(32, min(512, 65536 // (4 * features) & ~7))
        self.height, self.coupling = h, kappa
        # As far as a site alone is below 800 nats; fine for the narrowest width, 1 / sqrt(8 h + 2 kappa).
        reach = math.sqrt(1.0 + math.sqrt(800.0 / h))
        cells = int(math.ceil(6.0 * reach * math.sqrt(8.0 * h + 2.0 * kappa + 1.0))) + 100
        x = np.linspace(-reach, reach, 2 * cells + 1)
        site = np.exp(-h * (x * x - 1.0) ** 2) * (x[1] - x[0])
        bond = np.exp(-0.5 * kappa * (x[:, None] - x[None]) ** 2)
        # messages[d]: the integral over the sites behind d, given site d; scaled so that nothing underflows.
        message, log_scale = np.ones(len(x)), 0.0
        messages = [message]
        for _ in range(features - 1):
            message = bond @ (site * message)
            top = message.max()
            log_scale += math.log(top)
            message = message / top
            messages.append(message)
        self.grid, self.messages = x, messages[::-1]
        self.log_z = math.log((site * message).sum()) + log_scale

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        memset(out, 0, n * sizeof(double))
        for d in range(self.n_features):
            add_site(x + d * stride, out, n, self.height)
        for d in range(self.n_features - 1):
            add_bond(x + d * stride, x + (d + 1) * stride, out, n, 0.5 * self.coupling)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        for d in range(self.n_features):
            set_slope(x + d * stride, out + d * stride, n, self.height)
        for d in range(self.n_features - 1):
            pull(x + d * stride, x + (d + 1) * stride, out + d * stride, out + (d + 1) * stride, n, self.coupling)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d, last = self.n_features - 1
        memset(out, 0, n * sizeof(double))
        for d in range(self.n_features):
            add_curvature(x + d * stride, out, n, self.height, self.coupling * (1.0 if d in (0, last) else 2.0))
        return 0

    @property
    def modes(self):
        """All up and all down, shape (2, n_features)."""
        self._check_ready()
        return np.array([[-1.0], [1.0]]) * np.ones(self.n_features)

    @property
    def mode_shares(self):
        """Equal masses, shape (2,), by symmetry."""
        return np.full(2, 0.5)

    @property
    def mode_scales(self):
        """Standard deviation around each mode, by its curvature, shape (2, n_features)."""
        self._check_ready()
        k = self.n_features
        ends = np.ones(k) * 2.0
        ends[[0, -1]] = 1.0
        hessian = np.diag(8.0 * self.height + self.coupling * ends)
        off = np.arange(k - 1)
        hessian[off, off + 1] = hessian[off + 1, off] = -self.coupling
        return np.sqrt(np.diag(np.linalg.inv(hessian))) * np.ones((2, 1))

    def shares(self, X):
        """1 for the mode on the side of which the mean over the sites is, 0 for the other. Raises as `energy` does."""
        x, _ = samples(X, self.n_features)
        up = (x.mean(axis=1) >= 0.0).astype(float)
        return np.stack([1.0 - up, up], axis=1)

    def log_partition(self):
        """log Z, within 1e-12, as a float."""
        self._check_ready()
        return self.log_z

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, n_features): each site given the one before, by its cumulated
        density on the grid. Raises ValueError or TypeError if n is no integer of at least 0."""
        self._check_ready()
        count = integer(n, "n", 0)
        rng = np.random.default_rng(seed_sequence(seed))
        out = np.empty((count, self.n_features))
        site = np.exp(-self.height * (self.grid**2 - 1.0) ** 2)
        # Some rows at a time: a row has a number for every point of the grid.
        for start in range(0, count, 1024):
            rows = slice(start, min(start + 1024, count))
            before = None
            for d in range(self.n_features):
                density = site * self.messages[d]
                if before is not None:
                    density = density * np.exp(-0.5 * self.coupling * (self.grid - before[:, None]) ** 2)
                before = _invert(self.grid, np.atleast_2d(density), rng.random(rows.stop - rows.start))
                out[rows, d] = before
        return out

    def _arguments(self):
        return {"n_features": self.n_features, "height": self.height, "coupling": self.coupling}


def _invert(grid, density, u):
    """The points below which a density, linear between the points of a grid, has the shares u of its mass.

    density has shape (len(u), len(grid)), or (1, len(grid)) for one density for all.
    """
    step = grid[1] - grid[0]
    mass = np.cumsum(0.5 * step * (density[:, 1:] + density[:, :-1]), axis=1)
    wanted = u * mass[:, -1]
    if len(density) == 1:
        cell = np.searchsorted(mass[0], wanted)
    else:
        cell = (mass < wanted[:, None]).sum(axis=1)
    cell = np.minimum(cell, len(grid) - 2)
    row = np.arange(len(u)) if len(density) > 1 else np.zeros(len(u), dtype=int)
    rest = wanted - np.where(cell > 0, mass[row, cell - 1], 0.0)
    a, b = density[row, cell], density[row, cell + 1]
    # rest = a t + (b - a) t^2 / (2 step), for t in the cell; in the form that does not cancel.
    root = np.sqrt(np.maximum(a * a + 2.0 * (b - a) / step * rest, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        t = 2.0 * rest / (a + root)
    return grid[cell] + np.clip(np.where(np.isfinite(t), t, 0.0), 0.0, step)
