"""Test statistics, with limits for a false-alarm rate of one in a million under a correct sampler."""

import numpy as np
from scipy import stats as scipy_stats
from scipy.special import ndtr

FALSE_ALARM = 1e-6


def z_limit(looks=1):
    """Two-sided normal quantile, for the largest of so many z."""
    return float(scipy_stats.norm.isf(FALSE_ALARM / looks / 2))


def ks_limit(looks=1):
    """Limit of sqrt(N) D, for the largest of so many.

    By the Dvoretzky-Kiefer-Wolfowitz inequality with Massart's constant: 2 exp(-2 x^2), for every N.
    """
    return float(np.sqrt(np.log(2 * looks / FALSE_ALARM) / 2))


Z_LIMIT = z_limit()
KS_LIMIT = ks_limit()


def mean_z(x, mean, variance):
    """z of the sample mean against a known mean and variance."""
    x = np.asarray(x)
    return (x.mean() - mean) / np.sqrt(variance / x.size)


def variance_z(x, mean, variance):
    """z of sum (x - mean)^2 / variance, which is chi-squared with N degrees of freedom for normal x."""
    x = np.asarray(x)
    return (((x - mean) ** 2).sum() / variance - x.size) / np.sqrt(2 * x.size)


def share_z(hits, n, p):
    """z of a number of hits among n independent trials of probability p."""
    return (hits - n * p) / np.sqrt(n * p * (1 - p))


def two_sample_z(x, y):
    """z of the difference of two sample means."""
    return (x.mean() - y.mean()) / np.sqrt(x.var(ddof=1) / x.size + y.var(ddof=1) / y.size)


def ks(x, cdf):
    """sqrt(N) times the Kolmogorov distance of a sample to a continuous law; compare with KS_LIMIT."""
    x = np.sort(np.ravel(x))
    n, f = x.size, cdf(x)
    return np.sqrt(n) * max((np.arange(1, n + 1) / n - f).max(), (f - np.arange(n) / n).max())


def chi2_limit(df):
    return float(scipy_stats.chi2.isf(FALSE_ALARM, df))


def bowker(before, after, cells=20):
    """(statistic, limit) of Bowker's symmetry test on quantile cells of (before, after).

    Under detailed balance the flow between two cells is the same both ways. Pairs of cells with fewer than 20 moves are
    left out, as the chi-squared law needs counts.
    """
    edges = np.quantile(before, np.linspace(0, 1, cells + 1)[1:-1])
    flow = np.zeros((cells, cells))
    np.add.at(flow, (np.searchsorted(edges, before), np.searchsorted(edges, after)), 1)
    upper = np.triu_indices(cells, 1)
    both, difference = (flow + flow.T)[upper], (flow - flow.T)[upper]
    used = both >= 20
    assert used.sum() >= 20, "too few moves for a test"
    return float((difference[used] ** 2 / both[used]).sum()), chi2_limit(int(used.sum()))


def mixture_cdf(weights, means, stds):
    """CDF of a one-dimensional Gaussian mixture."""
    weights, means, stds = (np.ravel(v) for v in (weights, means, stds))
    return lambda x: sum(w * ndtr((x - m) / s) for w, m, s in zip(weights, means, stds, strict=True))


def well_cdf(energy, feature=0):
    """CDF of one marginal of a WellMixture."""
    return mixture_cdf(energy.weights_, energy.means_[:, feature], energy.stds_[:, feature])


def projected_cdf(energy, direction):
    """CDF of x @ direction for x from a WellMixture: a projection of a mixture is a mixture."""
    variances = np.einsum("i,kij,j->k", direction, energy.covariances_, direction)
    return mixture_cdf(energy.weights_, energy.means_ @ direction, np.sqrt(variances))


def grid_cdf(energy, low, high, temperature=1.0, cells=20_000):
    """CDF of exp(-E / T) on [low, high], by the midpoint rule in one dimension."""
    edges = np.linspace(low, high, cells + 1)
    e = energy.energy((edges[1:] + edges[:-1]) / 2) / temperature
    mass = np.exp(e.min() - e)
    total = np.concatenate([[0.0], np.cumsum(mass)]) / mass.sum()
    return lambda x: np.interp(x, edges, total)


class LangevinKernel:
    """The exact law of one-dimensional Langevin steps, as a transition matrix over cells and two atoms.

    With `clip`, mass beyond low and high sits in the atoms at low and high, as clipping puts it; otherwise the range
    must be so wide that next to nothing reaches its ends. States of a cell stand at its midpoint, an error of second
    order in the width: for noise of at least three cells, 1e-4 of probability and less.
    """

    def __init__(self, energy, step_size, noise_std, low, high, cells=1201):
        self.edges = np.linspace(low, high, cells + 1)
        middle = (self.edges[1:] + self.edges[:-1]) / 2
        states = np.concatenate([[low], middle, [high]])
        drifted = states - step_size * energy.grad(states)
        below = ndtr((self.edges[None, :] - drifted[:, None]) / noise_std)
        self.matrix = np.diff(below, axis=1, prepend=0.0, append=1.0)

    def uniform(self, low, high):
        """Law of U(low, high)."""
        inside = np.clip(self.edges, low, high)
        return np.concatenate([[0.0], np.diff(inside) / (high - low), [0.0]])

    def after(self, law, n_steps):
        for _ in range(n_steps):
            law = law @ self.matrix
        return law

    def stationary(self):
        n = len(self.matrix)
        system = self.matrix.T - np.eye(n)
        system[-1] = 1.0
        law = np.linalg.solve(system, np.eye(n)[-1])
        return law / law.sum()

    def ks(self, x, law):
        """sqrt(N) times the distance at the edges of the cells; the left atom is in the first value."""
        x = np.sort(np.ravel(x))
        counts = np.searchsorted(x, self.edges, side="right")
        counts[-1] = np.searchsorted(x, self.edges[-1], side="left")
        return np.sqrt(x.size) * np.abs(counts / x.size - np.cumsum(law)[:-1]).max()
