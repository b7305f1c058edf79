"""The parameters of wells with heavy tails, in NumPy."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import first_bad, numeric
from .normals import precision_factor
from .well_theta import COVARIANCES, LOG_L_LIMIT, narrowest, widest

__all__ = ["COVARIANCES", "DF_LIMITS", "LOG_L_LIMIT", "SCALE_LIMITS"]

# Scales of wells whose log_L is at a limit, as those of tilted normal wells.
SCALE_LIMITS = narrowest(True), widest(True)

# Degrees of freedom beyond these count as these. At a million the energy differs from that of a normal well by q^2 /
# 10^6, where it is q.
DF_LIMITS = 0.5, 1e6


def numbers_of_a_well(n_features: int, full: bool) -> int:
    """Parameters of one well."""
    return (n_features * (n_features + 1) // 2 if full else n_features) + n_features + 2


def lower_factors(theta: np.ndarray, n_wells: int, n_features: int, full: bool) -> np.ndarray:
    """L of every well, shape (n_wells, n_features, n_features)."""
    wells = theta[:-1].reshape(n_wells, -1)
    lower = np.zeros((n_wells, n_features, n_features))
    if full:
        rows, columns = np.tril_indices(n_features, -1)
        lower[:, rows, columns] = wells[:, n_features : n_features + len(rows)]
    d = np.arange(n_features)
    lower[:, d, d] = np.exp(np.clip(wells[:, :n_features], -LOG_L_LIMIT, LOG_L_LIMIT))
    return lower


def parameter_names(n_wells: int, n_features: int, full: bool) -> tuple[str, ...]:
    """Names in the order of theta."""
    d = range(n_features)
    names: list[str] = []
    for j in range(1, n_wells + 1):
        for part in ("log_L", "m"):
            names += [f"{part}{j}" + (f"[{i}]" if n_features > 1 else "") for i in d]
            if part == "log_L" and full:
                names += [f"L{j}[{i},{k}]" for i in d for k in range(i)]
        names += [f"log_df{j}", f"k{j}"]
    return (*names, "c")


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
