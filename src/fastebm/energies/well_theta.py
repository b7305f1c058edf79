"""The parameters of wells, in NumPy: how theta is laid out, and which theta a given Gaussian mixture has."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import first_bad, numeric
from .normals import precision_factor

# raw_a of an axis-parallel well is clipped here, and log_L of a tilted one: on standardised data a width of 0.00064, as
# narrow as wells of strongly correlated features are (0.0048, at 5, cost 0.07 nats a row in ten random dimensions).
RAW_A_LIMIT, LOG_L_LIMIT = 5.0, 7.0
COVARIANCES = ("diag", "full")


def numbers_of_a_well(n_features: int, full: bool) -> int:
    """Parameters of one well."""
    return n_features + 1 + (n_features * (n_features + 1) // 2 if full else n_features)


def narrowest(full: bool) -> float:
    """Standard deviation of a well whose raw_a, or log_L, is at its upper limit."""
    return math.exp(-LOG_L_LIMIT if full else -0.5 * RAW_A_LIMIT) * math.sqrt(0.5)


def widest(full: bool) -> float:
    """The same at the lower limit."""
    return math.exp(LOG_L_LIMIT if full else 0.5 * RAW_A_LIMIT) * math.sqrt(0.5)


def lower_factors(theta: np.ndarray, n_wells: int, n_features: int, full: bool = True) -> np.ndarray:
    """L of every well whose parameters begin with log_L, shape (n_wells, n_features, n_features)."""
    wells = theta[:-1].reshape(n_wells, -1)
    lower = np.zeros((n_wells, n_features, n_features))
    if full:
        rows, columns = np.tril_indices(n_features, -1)
        lower[:, rows, columns] = wells[:, n_features : n_features + len(rows)]
    d = np.arange(n_features)
    lower[:, d, d] = np.exp(np.clip(wells[:, :n_features], -LOG_L_LIMIT, LOG_L_LIMIT))
    return lower


def parameter_names(
    n_wells: int, n_features: int, full: bool, diagonal: str = "raw_a", last: tuple[str, ...] = ("k",)
) -> tuple[str, ...]:
    """Names in the order of theta, with what wells without correlations begin with, and what all wells end with."""
    d = range(n_features)
    names: list[str] = []
    for j in range(1, n_wells + 1):
        for part in ("log_L" if full else diagonal, "m"):
            names += [f"{part}{j}" + (f"[{i}]" if n_features > 1 else "") for i in d]
            if part == "log_L" and full:
                names += [f"L{j}[{i},{k}]" for i in d for k in range(i)]
        names += [f"{part}{j}" for part in last]
    return (*names, "c")


def theta_of_mixture(weights, means, stds, covariances) -> tuple[np.ndarray, int, bool]:
    """(theta with c = 0, number of features, tilted?) of a Gaussian mixture given by stds or by covariances.

    Raises
    ------
    ValueError
        If not exactly one of the two is given, shapes disagree or a value is out of range.
    """
    full = covariances is not None
    if full == (stds is not None):
        raise ValueError("give either stds, of wells without correlations, or covariances")
    name, given = ("covariances", covariances) if full else ("stds", stds)
    weights, means, spread = (
        numeric(v, n) for v, n in ((weights, "weights"), (means, "means"), (given, name))
    )
    wanted = (*means.shape, *means.shape[1:]) if full else means.shape
    # Of one feature, variances alone will do.
    flat = full and means.ndim == 1 and spread.shape == (len(means), 1, 1)
    if (
        weights.ndim != 1
        or weights.size == 0
        or means.shape[:1] != weights.shape
        or not (spread.shape == wanted or flat)
    ):
        raise ValueError(
            f"weights {weights.shape}, means {means.shape} and {name} {spread.shape} must describe the same wells"
        )
    n = weights.size
    means = means.reshape(n, -1)
    features = means.shape[1]
    for array, what in ((weights, "weights"), (means, "means"), (spread, name)):
        first_bad(array, what)
    if (weights <= 0).any() or (not full and (spread <= 0).any()):
        raise ValueError("weights and stds must be positive")
    shape, raw = _tilted(spread.reshape(n, features, features)) if full else _parallel(spread.reshape(n, -1))
    k = -np.log(weights / weights.sum()) - 0.5 * raw.sum(axis=1)
    return np.append(np.column_stack([shape, means, k - k.mean()]).ravel(), 0.0), features, full


def _parallel(stds):
    raw = -np.log(2.0 * stds * stds)
    if (np.abs(raw) > RAW_A_LIMIT).any():
        raise ValueError(
            f"stds must lie between {narrowest(False):.4f} and {widest(False):.4f}, "
            f"got {stds.min():g} to {stds.max():g}; rescale x"
        )
    return raw, raw


def _tilted(covariances):
    lower = np.array([precision_factor(c, f"covariances[{j}]") for j, c in enumerate(covariances)])
    logs = np.log(np.diagonal(lower, axis1=1, axis2=2))
    if (np.abs(logs) > LOG_L_LIMIT).any():
        scales = np.sqrt(np.linalg.eigvalsh(covariances))
        raise ValueError(
            f"covariances must have eigenvalues between {narrowest(True):.3g}^2 and {widest(True):.3g}^2, "
            f"got {scales.min():g}^2 to {scales.max():g}^2; rescale x, or drop a feature that follows from the others"
        )
    rows, columns = np.tril_indices(covariances.shape[1], -1)
    return np.concatenate([logs, lower[:, rows, columns]], axis=1), 2.0 * logs
