"""The energy of a density that was fitted to transformed columns, in the user's units."""

from __future__ import annotations

import numpy as np

from .._runtime.check import samples
from ..energies.base import Energy
from ..energies.python_energy import PythonEnergy
from ..preprocess import Preprocessing


class PreparedEnergy(PythonEnergy):
    """-log p of the kept columns, in units of X, from -log p(z) = E(z).

    E(z(x)) - log(dz/dx), with its gradient by the chain rule; of cyclic columns the sum over their images. It is
    infinite outside the support: below the bound of a logarithm, and outside one period of a cyclic column.

    Parameters
    ----------
    preparation : Preprocessing
    energy : Energy
        On z; its log Z counts as 0 if it is not known.
    """

    unsaved = "it is made from a fit; save the fit, whose energy_ it is"

    def __init__(self, preparation: Preprocessing, energy: Energy):
        self.preparation, self.inner = preparation, energy
        self.log_z = energy.log_partition() if energy.has_log_partition else 0.0
        super().__init__(self._energy, self._grad, energy.n_features)

    def _energy(self, X):
        z, inside, log_slopes = self._inside(X)
        e = [self.inner._energy_with_walls(z + image) for image in self.preparation.images]
        return np.where(inside, self.log_z - np.logaddexp.reduce(-np.stack(e), axis=0) - log_slopes, np.inf)

    def _grad(self, X):
        z, inside, _ = self._inside(X)
        images = self.preparation.images
        e = np.stack([self.inner._energy_with_walls(z + image) for image in images])
        with np.errstate(invalid="ignore"):
            shares = np.exp(e.min(axis=0) - e)
        shares = np.nan_to_num(shares / shares.sum(axis=0))
        g = sum(s[:, None] * self.inner.grad(z + image) for s, image in zip(shares, images, strict=True))
        kept = np.where(inside[:, None], X, self.preparation._restored_kept(z))
        slope, log_slope_grad = self.preparation._slopes(kept)
        return np.where(inside[:, None], g * slope - log_slope_grad, 0.0)

    def _inside(self, X):
        z, inside, log_slopes = self.preparation._forward(X)
        window = self.preparation.window
        # So far out that z is beyond float64, there is nothing.
        inside = inside & ((window[0] <= X) & (window[1] > X)).all(axis=1) & np.isfinite(z).all(axis=1)
        return np.where(inside[:, None], z, 0.0), inside, np.where(inside, log_slopes, 0.0)

    @property
    def has_walls(self):
        """Is the energy infinite somewhere?"""
        return self.inner.has_walls or bool(np.isfinite(self.preparation.window).any())

    @property
    def has_log_partition(self):
        """Is log Z known? It is where that of the energy on z is."""
        return self.inner.has_log_partition

    def log_partition(self):
        """log Z, which is 0. Raises NotImplementedError where that of the energy on z is not known."""
        return self.inner.log_partition() - self.log_z

    @property
    def has_exact_sample(self):
        """Can independent samples be drawn directly?"""
        return self.inner.has_exact_sample

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, n_features), not rounded."""
        return self.preparation._restored_kept(self.inner.exact_sample(n, seed))

    @property
    def modes(self):
        """Centres of the modes in z, mapped to units of X: medians of the modes along each column."""
        modes = self.inner.modes
        return None if modes is None else self.preparation._restored_kept(modes)

    @property
    def mode_shares(self):
        """Mass of each mode."""
        return self.inner.mode_shares

    @property
    def mode_scales(self):
        """Half the width of the middle 68 % of each mode, along every column."""
        modes = self.inner.modes
        return None if modes is None else self.preparation._widths(modes, self.inner.mode_scales)

    def shares(self, X):
        """Share of each mode in the density at every sample, shape (n_samples, n_modes)."""
        x = samples(X, self.n_features)[0]
        return shares_of(self.preparation, self.inner, self.preparation._forward(x)[0])

    def _arguments(self):
        return {"preparation": self.preparation, "energy": self.inner}


def shares_of(preparation: Preprocessing, energy: Energy, z: np.ndarray) -> np.ndarray:
    """Share of each mode of an energy on z in the density at every row, all images of it together."""
    images = preparation.images
    if len(images) == 1:
        return energy.shares(z)
    e = np.stack([energy._energy_with_walls(z + image) for image in images])
    by = np.exp(e.min(axis=0) - e)
    by /= by.sum(axis=0)
    return sum(b[:, None] * energy.shares(z + image) for b, image in zip(by, images, strict=True))
