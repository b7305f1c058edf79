"""Mixtures of normal laws as closed forms: what survives sums, temperatures and affine maps."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._runtime.check import first_bad

# Above so many numbers in the precisions, a product of two mixtures is not written out.
MOST = 4_000_000


class NormalMixture(NamedTuple):
    """exp(-E(x)) = sum_j exp(log_weights_j - (x - means_j)' precisions_j (x - means_j) / 2).

    Attributes
    ----------
    log_weights : ndarray of shape (n_parts,)
    means : ndarray of shape (n_parts, n_features)
    precisions : ndarray of shape (n_parts, n_features, n_features)
    """

    log_weights: np.ndarray
    means: np.ndarray
    precisions: np.ndarray

    def times(self, other: NormalMixture) -> NormalMixture | None:
        """The product of two, which has a part for every pair; None if that is too much to write out."""
        n, k = len(self.log_weights), len(other.log_weights)
        features = self.means.shape[1]
        if n * k * features * features > MOST:
            return None
        p, q = self.precisions[:, None], other.precisions[None]
        a, b = self.means[:, None], other.means[None]
        both = p + q
        pull = (p @ a[..., None]) + (q @ b[..., None])
        means = np.linalg.solve(both, pull)[..., 0]
        # (a - b)' (p^-1 + q^-1)^-1 (a - b), without inverses of p and q: p (p + q)^-1 q.
        apart = (a - b)[..., None]
        cost = (np.swapaxes(p @ apart, -1, -2) @ np.linalg.solve(both, q @ apart))[..., 0, 0]
        log_weights = self.log_weights[:, None] + other.log_weights[None] - 0.5 * cost
        return NormalMixture(
            log_weights.reshape(-1),
            means.reshape(n * k, features),
            np.broadcast_to(both, (n, k, features, features)).reshape(n * k, features, features),
        )

    def tempered(self, temperature: float) -> NormalMixture | None:
        """The density to the power of 1 / temperature: closed for one part only."""
        if len(self.log_weights) > 1:
            return None
        return NormalMixture(self.log_weights / temperature, self.means, self.precisions / temperature)

    def mapped(self, matrix: np.ndarray, inverse: np.ndarray, offset: np.ndarray) -> NormalMixture:
        """As a function of matrix @ x + offset."""
        return NormalMixture(
            self.log_weights, self.means @ matrix.T + offset, inverse.T @ self.precisions @ inverse
        )

    def given(self, observed: np.ndarray, values: np.ndarray) -> NormalMixture:
        """As a function of the features that are not observed, in their order; the others have these values."""
        free = np.setdiff1d(np.arange(self.means.shape[1]), observed)
        apart = (values - self.means[:, observed])[..., None]
        across = self.precisions[:, free[:, None], observed] @ apart
        own = self.precisions[:, free[:, None], free]
        shift = np.linalg.solve(own, across)
        within = self.precisions[:, observed[:, None], observed]
        cost = np.swapaxes(apart, 1, 2) @ within @ apart - np.swapaxes(across, 1, 2) @ shift
        return NormalMixture(self.log_weights - 0.5 * cost[:, 0, 0], self.means[:, free] - shift[..., 0], own)

    @property
    def log_masses(self) -> np.ndarray:
        """log of the integral of each part, shape (n_parts,)."""
        _, log_det = np.linalg.slogdet(self.precisions)
        return self.log_weights + 0.5 * (self.means.shape[1] * math.log(2.0 * math.pi) - log_det)

    @property
    def log_partition(self) -> float:
        """log of the integral of the whole."""
        masses = self.log_masses
        top = masses.max()
        return float(top + math.log(np.exp(masses - top).sum()))

    @property
    def shares(self) -> np.ndarray:
        """Mass of each part, shape (n_parts,), sums to 1."""
        masses = self.log_masses
        shares = np.exp(masses - masses.max())
        return shares / shares.sum()

    @property
    def scales(self) -> np.ndarray:
        """Standard deviation of each part along each feature, shape (n_parts, n_features)."""
        return np.sqrt(np.diagonal(np.linalg.inv(self.precisions), axis1=1, axis2=2))

    def responsibilities(self, x: np.ndarray) -> np.ndarray:
        """Share of each part in the density at every row, shape (n_samples, n_parts)."""
        apart = x[:, None] - self.means
        terms = self.log_weights - 0.5 * np.einsum("nkd,kde,nke->nk", apart, self.precisions, apart)
        shares = np.exp(terms - terms.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n independent rows."""
        shares = self.shares
        part = rng.choice(len(shares), size=n, p=shares)
        noise = rng.standard_normal((n, self.means.shape[1]))
        # L^-T of the precision's Cholesky factor turns white noise into the part's.
        factors = np.linalg.inv(np.linalg.cholesky(self.precisions))
        return self.means[part] + np.einsum("nij,ni->nj", factors[part], noise)


def precision_factor(covariance: np.ndarray, name: str) -> np.ndarray:
    """L of a covariance: lower triangular with a positive diagonal and (2 L L')^-1 the covariance.

    Raises
    ------
    ValueError
        If the square matrix is not finite, not symmetric or not positive definite.
    """
    first_bad(covariance, name)
    scales = np.sqrt(np.abs(np.diag(covariance)))
    off = np.abs(covariance - covariance.T)
    if (off > 1e-10 * np.outer(scales, scales)).any():
        i, k = (int(v) for v in np.unravel_index(off.argmax(), off.shape))
        raise ValueError(
            f"{name} must be symmetric, got {covariance[i, k]:g} at [{i}, {k}] and {covariance[k, i]:g} at [{k}, {i}]"
        )
    # Turned around, its Cholesky factor is an upper triangular U with U U' = covariance, and L = U^-T / sqrt(2): no
    # inverse of the covariance, which would lose its square.
    try:
        upper = np.linalg.cholesky(0.5 * (covariance + covariance.T)[::-1, ::-1])[::-1, ::-1]
    except np.linalg.LinAlgError:
        smallest = float(np.linalg.eigvalsh(covariance)[0])
        raise ValueError(
            f"{name} must be positive definite, but its smallest eigenvalue is {smallest:.3g}; add to its diagonal"
        ) from None
    return np.tril(np.linalg.inv(upper).T) * math.sqrt(0.5)


def principal_scales(energy) -> np.ndarray | None:
    """Standard deviations of each mode along its own axes, shape (n_modes, n_features); None where they are not known.

    `mode_scales` of modes without correlations, and the roots of the eigenvalues of `mode_covariances` of others.
    """
    if energy.mode_covariances is None:
        return energy.mode_scales
    return np.sqrt(np.linalg.eigvalsh(energy.mode_covariances))
