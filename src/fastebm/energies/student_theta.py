"""The parameters of wells with heavy tails, in NumPy."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import first_bad, numeric
from . import well_theta
from .normals import precision_factor
from .well_theta import COVARIANCES, LOG_L_LIMIT, lower_factors, narrowest, widest

__all__ = ["COVARIANCES", "DF_LIMITS", "LOG_L_LIMIT", "SCALE_LIMITS", "lower_factors"]

# Scales of wells whose log_L is at a limit, as those of tilted normal wells.
SCALE_LIMITS = narrowest(True), widest(True)

# Degrees of freedom beyond these count as these. At a million the energy differs from that of a normal well by q^2 /
# 10^6, where it is q.
DF_LIMITS = 0.5, 1e6


def numbers_of_a_well(n_features: int, full: bool) -> int:
    """Parameters of one well: those of a normal one, and log_df."""
    return well_theta.numbers_of_a_well(n_features, full) + 1


def parameter_names(n_wells: int, n_features: int, full: bool) -> tuple[str, ...]:
    """Names in the order of theta."""
    return well_theta.parameter_names(n_wells, n_features, full, "log_L", ("log_df", "k"))


def theta_of_mixture(weights, means, scales, scale_matrices, df) -> tuple[np.ndarray, int, bool]:
    """(theta with c = 0 and k that leave out what depends on df, number of features, full?) of a given mixture.

    Raises
    ------
    ValueError
        If not exactly one of scales and scale_matrices is given, shapes disagree or a value is out of range.
    """
    full = scale_matrices is not None
    if full == (scales is not None):
        raise ValueError("give either scales, of wells without correlations, or scale_matrices")
    name = "scale_matrices" if full else "scales"
    weights, means = numeric(weights, "weights"), numeric(means, "means")
    spread, df = numeric(scale_matrices if full else scales, name), numeric(df, "df")
    if means.ndim == 1:
        means = means[:, None]
        spread = spread if full else spread.reshape(len(spread), -1)
    n, features = weights.size, means.shape[-1]
    wanted = (n, features, features) if full else (n, features)
    if (
        weights.ndim != 1
        or n == 0
        or means.shape != (n, features)
        or spread.shape != wanted
        or df.shape not in ((), (n,))
    ):
        raise ValueError(
            f"weights {weights.shape}, means {means.shape}, {name} {spread.shape} and df {df.shape} must describe the "
            "same wells"
        )
    for array, what in ((weights, "weights"), (means, "means"), (spread, name), (np.atleast_1d(df), "df")):
        first_bad(array, what)
    if (weights <= 0).any() or (not full and (spread <= 0).any()):
        raise ValueError("weights and scales must be positive")
    if (df < DF_LIMITS[0]).any() or (df > DF_LIMITS[1]).any():
        raise ValueError(
            f"df must lie between {DF_LIMITS[0]:g} and {DF_LIMITS[1]:g}, got {df.min():g} to {df.max():g}"
        )
    if full:
        lower = np.array([precision_factor(s, f"scale_matrices[{j}]") for j, s in enumerate(spread)])
        logs = np.log(np.diagonal(lower, axis1=1, axis2=2))
        rows, columns = np.tril_indices(features, -1)
        shape = np.concatenate([logs, lower[:, rows, columns]], axis=1)
    else:
        shape = logs = -np.log(spread) - 0.5 * math.log(2.0)
    if (np.abs(logs) > LOG_L_LIMIT).any():
        widths = np.exp(-logs) * math.sqrt(0.5)
        raise ValueError(
            f"{name} must stand for scales between {SCALE_LIMITS[0]:.3g} and {SCALE_LIMITS[1]:.3g}, got "
            f"{widths.min():g} to {widths.max():g}; rescale x"
        )
    k = -np.log(weights / weights.sum()) - logs.sum(axis=1)
    theta = np.column_stack([shape, means, np.broadcast_to(np.log(df), n), k])
    return np.append(theta.ravel(), 0.0), features, full
