"""Hypothesis strategies for theta, x, shapes and sizes."""

from __future__ import annotations

import numpy as np
from cases import EnergyCase
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

# Around the SIMD widths (2, 4, 8), the smallest block (32) and the largest (512).
EDGES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 256, 511, 512, 513, 519, 1024, 1025)

sizes = st.sampled_from(EDGES)
seeds = st.integers(0, 2**64 - 1)
words = st.integers(0, 2**64 - 1)


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_infinity=False, allow_subnormal=False)


def thetas(case: EnergyCase) -> st.SearchStrategy[np.ndarray]:
    """Draw theta in the range of the case."""
    return st.tuples(*map(numbers, case.theta_low, case.theta_high)).map(lambda t: np.array(t, dtype=float))


def wide_thetas(n_wells: int, n_features: int) -> st.SearchStrategy[np.ndarray]:
    """Draw theta of a WellMixture far outside the clamps: raw_a to +-8 (clipped at 5), m and k to +-1000."""
    well = [numbers(-8.0, 8.0)] * n_features + [numbers(-1e3, 1e3)] * (n_features + 1)
    return st.tuples(*well * n_wells, numbers(-1e6, 1e6)).map(lambda t: np.array(t, dtype=float))


def points(n_features: int, limit: float, max_size: int = 5) -> st.SearchStrategy[np.ndarray]:
    """Draw a few samples, shape (n, n_features)."""
    elements = numbers(-limit, limit)
    return st.integers(1, max_size).flatmap(lambda n: arrays(float, (n, n_features), elements=elements))


def cloud(n: int, n_features: int, seed: int, limit: float) -> np.ndarray:
    """Many samples from a seed, where drawing them one by one would take long."""
    return np.random.default_rng(seed).uniform(-limit, limit, (n, n_features))
