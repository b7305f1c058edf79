"""What energies made of energies share: parts of their own, one theta, and the closed forms that survive."""

import copy

import numpy as np

from .._runtime.check import integer, samples
from .._runtime.seed import seed_sequence

from .base cimport Energy


cdef class Combined(Energy):
    """An energy made of one or two others. It has copies of them: theta is set on the whole."""

    cdef int hold(self, Energy first, Energy second, Py_ssize_t n_features=0) except -1:
        # Of as many features as the first, if not told otherwise.
        cdef Py_ssize_t n_params = first.n_params
        own = copy.copy(first), None if second is None else copy.copy(second)
        theta = first.theta
        if second is not None:
            n_params += second.n_params
            theta = np.concatenate([theta, second.theta])
        # Refuses a second call, before anything of the first is changed.
        self.allocate(n_features or first.n_features, n_params)
        # A Python function behind a part wants large blocks.
        self.block_size = first.block_size if second is None else max(first.block_size, second.block_size)
        self.rounds_to(first.rounding if second is None else max(first.rounding, second.rounding))
        self.first, self.second = own
        self.theta = theta
        return 0

    cdef void prepare(self) noexcept nogil:
        if self.first is not None:
            self.first.load_theta(self.theta_ptr)
        if self.second is not None:
            self.second.load_theta(self.theta_ptr + self.first.n_params)

    cdef void identifiable(self, double* step) noexcept nogil:
        self.first.identifiable(step)
        if self.second is not None:
            self.second.identifiable(step + self.first.n_params)

    def _parts(self):
        return (self.first,) if self.second is None else (self.first, self.second)

    @property
    def parts(self):
        """Copies of the energies that it is made of, with its theta, a tuple."""
        self._check_ready()
        return tuple([copy.copy(part) for part in self._parts()])

    def take_failure(self):
        """Return and forget the exception that stopped a part on this thread, or None."""
        failures = [part.take_failure() for part in self._parts()]
        return next((f for f in failures if f is not None), None)

    @property
    def has_param_grad(self):
        """Have all parts that have parameters their gradient?"""
        return self.n_params > 0 and all([p.has_param_grad for p in self._parts() if p.n_params])

    @property
    def has_density(self):
        """Has a part a density? One that is bounded away from it is taken at its word."""
        return any([p.has_density for p in self._parts()])

    @property
    def has_walls(self):
        """Has a part walls?"""
        return any([p.has_walls for p in self._parts()])

    @property
    def theta_limits(self):
        """(low, high) of the parts, one behind the other."""
        limits = [p.theta_limits for p in self._parts()]
        return tuple([np.concatenate(ends) for ends in zip(*limits, strict=True)])

    def _closed(self):
        # A closed form other than a mixture of normal laws: the energy that has it, or None.
        return None

    @property
    def has_log_partition(self):
        """Does a closed form survive?"""
        return self._normal_mixture() is not None or (self._closed() is not None and self._closed().has_log_partition)

    @property
    def has_exact_sample(self):
        """Does a way to draw independent samples survive?"""
        return self._normal_mixture() is not None or (self._closed() is not None and self._closed().has_exact_sample)

    def log_partition(self):
        """log Z, where a closed form survives. Raises NotImplementedError elsewhere."""
        self._check_ready()
        mixture = self._normal_mixture()
        if mixture is not None:
            return mixture.log_partition
        return Energy.log_partition(self)

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, n_features), where a way survives. Raises NotImplementedError
        elsewhere."""
        self._check_ready()
        mixture = self._normal_mixture()
        if mixture is None:
            return Energy.exact_sample(self, n, seed)
        return mixture.sample(integer(n, "n", 0), np.random.default_rng(seed_sequence(seed)))

    @property
    def modes(self):
        """Centres of the normal parts, where it is a mixture of them; otherwise None."""
        mixture = self._normal_mixture()
        return None if mixture is None else mixture.means

    @property
    def mode_shares(self):
        """Mass of each normal part, or None."""
        mixture = self._normal_mixture()
        return None if mixture is None else mixture.shares

    @property
    def mode_scales(self):
        """Standard deviations of each normal part, or None."""
        mixture = self._normal_mixture()
        return None if mixture is None else mixture.scales

    def shares(self, X):
        """Share of each normal part at every sample, where it is a mixture of them."""
        mixture = self._normal_mixture()
        if mixture is None:
            return Energy.shares(self, X)
        x, _ = samples(X, self.n_features)
        return mixture.responsibilities(x)
