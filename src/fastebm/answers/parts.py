"""Densities that are sums of normal laws or of laws of Student: what they say of some features given the others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..energies.base import Energy
from ..energies.student_mixture import StudentTMixture


@dataclass(frozen=True, eq=False)
class Conditional:
    """The law of the free features, for n rows of the others.

    Attributes
    ----------
    shares : ndarray of shape (n, n_parts)
        Of each part in the density of the others.
    means : ndarray of shape (n, n_parts, n_free)
    precisions : ndarray of shape (n_parts, n_free, n_free)
        Inverse scale matrices, up to the next factor.
    stretch : ndarray of shape (n, n_parts)
        What the scales are multiplied with: 1 for normal laws.
    df : ndarray of shape (n_parts,)
        Degrees of freedom, infinite for normal laws.
    """

    shares: np.ndarray
    means: np.ndarray
    precisions: np.ndarray
    stretch: np.ndarray
    df: np.ndarray

    def mean(self) -> np.ndarray:
        """Shape (n, n_free); of a part with one degree of freedom or less, which has no mean, its centre counts."""
        return np.einsum("nk,nkf->nf", self.shares, self.means)

    def repeated(self, n: int) -> Conditional:
        """The same for n copies of the one row of the others."""
        shares, means, stretch = (np.repeat(v, n, axis=0) for v in (self.shares, self.means, self.stretch))
        return Conditional(shares, means, self.precisions, stretch, self.df)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """One row of the free features for each row of the others, shape (n, n_free)."""
        n = len(self.shares)
        k = (np.cumsum(self.shares, axis=1) < rng.random(n)[:, None]).sum(axis=1)
        k = np.minimum(k, self.shares.shape[1] - 1)
        noise = rng.standard_normal((n, self.means.shape[2]))
        df = self.df[k]
        heavy = np.isfinite(df)
        length = self.stretch[np.arange(n), k]
        length[heavy] *= np.sqrt(df[heavy] / rng.chisquare(df[heavy]))
        # L^-T of a precision's Cholesky factor turns white noise into the part's.
        factors = np.linalg.inv(np.linalg.cholesky(self.precisions))
        out = self.means[np.arange(n), k]
        for part, factor in enumerate(factors):
            rows = k == part
            out[rows] += (noise[rows] @ factor) * length[rows, None]
        return out


@dataclass(frozen=True, eq=False)
class Parts:
    """A mixture.

    Attributes
    ----------
    log_shares : ndarray of shape (n_parts,)
    means : ndarray of shape (n_parts, n_features)
    precisions : ndarray of shape (n_parts, n_features, n_features)
        Inverse covariances, or scale matrices.
    df : ndarray of shape (n_parts,)
        Degrees of freedom, infinite for normal laws.
    """

    log_shares: np.ndarray
    means: np.ndarray
    precisions: np.ndarray
    df: np.ndarray

    def given(self, observed: np.ndarray, values: np.ndarray) -> Conditional:
        """The law of the features that are not observed, in their order.

        Of a law of Student with df degrees of freedom, o observed features and their squared distance q from its
        centre, the others have df + o degrees of freedom and a scale matrix (df + q) / (df + o) times that of a normal
        law (Ding, On the conditional distribution of the multivariate t distribution, American Statistician 70, 2016).

        Parameters
        ----------
        observed : ndarray of int, shape (n_observed,)
        values : ndarray of shape (n, n_observed)
        """
        free = np.setdiff1d(np.arange(self.means.shape[1]), observed)
        apart = values[:, None] - self.means[:, observed]
        own = self.precisions[:, free[:, None], free]
        across = self.precisions[:, free[:, None], observed]
        pull = np.linalg.solve(own, across)
        rest = self.precisions[:, observed[:, None], observed] - np.swapaxes(across, 1, 2) @ pull
        q = np.einsum("nkd,kde,nke->nk", apart, rest, apart)
        logs = self.log_shares + _log_density(q, np.linalg.slogdet(rest)[1], self.df, len(observed))
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        means = self.means[:, free] - np.einsum("kfd,nkd->nkf", pull, apart)
        return Conditional(
            shares, means, own, np.sqrt(_stretch(q, self.df, len(observed))), self.df + len(observed)
        )

    def cells(self, z: np.ndarray) -> Cells:
        """The law of every cell of every row, given the rest of its row."""
        d = z.shape[1]
        apart = z[:, None] - self.means
        pull = np.einsum("kde,nke->nkd", self.precisions, apart)
        own = np.diagonal(self.precisions, axis1=1, axis2=2)
        q = np.maximum((apart * pull).sum(axis=2)[..., None] - pull**2 / own, 0.0)
        df = self.df[:, None]
        logs = self.log_shares[:, None] + _log_density(
            q, np.linalg.slogdet(self.precisions)[1][:, None] - np.log(own), df, d - 1
        )
        return Cells(logs, z[:, None] - pull / own, _stretch(q, df, d - 1) / own, df + (d - 1))


@dataclass(frozen=True, eq=False)
class Cells:
    """Mixtures of one dimension, one for each cell; arrays of shape (n, n_parts, n_features).

    Attributes
    ----------
    logs : ndarray
        log of the density of the rest of the row under each part, with its share.
    centres, variances : ndarray
        Of the cell; of laws of Student, the squared scale.
    df : ndarray of shape (n_parts, 1)
    """

    logs: np.ndarray
    centres: np.ndarray
    variances: np.ndarray
    df: np.ndarray

    def log_rest(self) -> np.ndarray:
        """log p of the rest of the row, shape (n, n_features)."""
        return _log_sum(self.logs)

    def log_whole(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(log p of the row with the cells at t, one at a time, shape (n, n_features); its terms, one of each part)"""
        q = (t[:, None] - self.centres) ** 2 / self.variances
        terms = self.logs + _log_density(q, -np.log(self.variances), self.df, 1)
        return _log_sum(terms), terms

    def uphill(self, t: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """Where a step of the EM algorithm for modes goes from t (mean-shift: Carreira-Perpinan 2000)."""
        pull = np.exp(terms - terms.max(axis=1, keepdims=True)) / self.variances
        q = (t[:, None] - self.centres) ** 2 / self.variances
        pull = pull / _stretch(q, self.df, 1)
        return (pull * self.centres).sum(axis=1) / pull.sum(axis=1)


def parts_of(energy: Energy) -> Parts | None:
    """The parts of an energy that is such a mixture, else None."""
    if isinstance(energy, StudentTMixture):
        return Parts(
            np.log(energy.weights_),
            energy.means_,
            np.linalg.inv(energy.scale_matrices_),
            energy.degrees_of_freedom_,
        )
    mixture = energy._normal_mixture()
    if mixture is None:
        return None
    with np.errstate(divide="ignore"):
        shares = np.log(mixture.shares)
    return Parts(shares, mixture.means, mixture.precisions, np.full(len(shares), np.inf))


def _log_density(q, log_det, df, d):
    """log density at the squared distance q of a law of d features with the log-determinant of its precision."""
    df = np.broadcast_to(df, q.shape)
    heavy = np.isfinite(df)
    safe = np.where(heavy, df, 1.0)
    gammas = {v: math.lgamma((v + d) / 2.0) - math.lgamma(v / 2.0) for v in np.unique(safe)}
    ratio = np.vectorize(gammas.get, otypes=[float])(safe[:1])
    student = ratio - 0.5 * d * np.log(0.5 * safe) - 0.5 * (safe + d) * np.log1p(q / safe)
    return np.where(heavy, student, -0.5 * q) + 0.5 * (log_det - d * math.log(2.0 * math.pi))


def _stretch(q, df, d):
    """(df + q) / (df + d): how much wider a law of Student is beside d features that are far out; 1 for normal ones."""
    heavy = np.isfinite(df)
    return np.where(heavy, (np.where(heavy, df, 1.0) + q) / (np.where(heavy, df, 1.0) + d), 1.0)


def _log_sum(terms):
    top = terms.max(axis=1)
    return top + np.log(np.exp(terms - top[:, None]).sum(axis=1))
