"""The wells that rows outside the fit are likeliest under: what a network has to beat, and where it can begin."""

from __future__ import annotations

import numpy as np

from .._runtime.seed import seed_sequence
from ..energies.well_mixture import WellMixture
from ..energies.well_theta import COVARIANCES
from ..mixtures.kmeans import distinct_rows
from ..mixtures.search import search, widths_of
from .scaled_wells import EM_STEPS, EM_TOLERANCE, SELECTION_ROWS

# Numbers of wells that are tried, and rows for each parameter of a well at least.
NUMBERS, ROWS_EACH = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32), 2
# Numbers in a row that do not gain anything, after which the larger ones are left out.
IN_VAIN = 2
STARTS = 4


def best_wells(z: np.ndarray, z_val: np.ndarray, seed) -> WellMixture:
    """Fit diagonal and full wells of several numbers to z; keep those under which z_val is likeliest.

    Parameters
    ----------
    z, z_val : ndarray of shape (n, n_features)
        Standardised rows.
    seed : None, int, SeedSequence or Generator

    Returns
    -------
    WellMixture
        With log Z = 0.
    """
    pick, *streams = seed_sequence(seed).spawn(1 + len(COVARIANCES))
    some = np.sort(np.random.default_rng(pick).permutation(len(z))[:SELECTION_ROWS])
    x, most = z[some], distinct_rows(z[some], max(NUMBERS))
    best, score = None, -np.inf
    for covariance, stream in zip(COVARIANCES, streams, strict=True):
        widths, leader, vain = widths_of(WellMixture(covariance=covariance)), -np.inf, 0
        for k, own in zip(NUMBERS, stream.spawn(len(NUMBERS)), strict=True):
            if (
                k > most
                or (k > 1 and k * ROWS_EACH * _per_well(x.shape[1], covariance) > len(x))
                or vain == IN_VAIN
            ):
                break
            wells = search(
                x,
                k,
                n_init=STARTS if k > 1 else 1,
                seed=own,
                std_range=widths,
                tol=EM_TOLERANCE,
                max_iter=EM_STEPS,
                covariance=covariance,
            ).wells
            log_p = float(wells.log_prob(z_val).mean())
            vain = 0 if log_p > leader else vain + 1
            leader = max(leader, log_p)
            if best is None or log_p > score:
                best, score = wells, log_p
    assert best is not None
    return best


def _per_well(n_features, covariance):
    return 2 * n_features + 1 if covariance == "diag" else n_features * (n_features + 3) // 2 + 1
