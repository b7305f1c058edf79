"""The inline functions against mpmath, and the properties that the block loops rely on."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from fastebm.kernels import probe
from hypothesis import given
from hypothesis import strategies as st
from strategies import numbers, seeds, sizes

# 120 bits: enough that the error of the exact value does not show in an ulp.
PRECISION = 120


def apply(name, x):
    return probe.apply(name, np.asarray(x, dtype=float).tobytes())


def errors_in_ulp(got, x, exact):
    """Signed errors of got, in units of the last place of the true value."""
    with mpmath.workprec(PRECISION):
        out = np.empty(len(x))
        for i, (g, v) in enumerate(zip(got.tolist(), x.tolist(), strict=True)):
            true = exact(mpmath.mpf(v))
            out[i] = float((mpmath.mpf(g) - true) / float(np.spacing(abs(float(true))))) if true else abs(g)
    return out


def exp_neg_inputs(rng, n):
    # Uniform over the range, small values, and both sides of where the reduction changes its integer.
    turns = (rng.integers(-990, 990, n // 4) + 0.5) * np.log(2.0)
    return np.concatenate([
        rng.uniform(-690.0, 690.0, n // 4),
        rng.uniform(-1.0, 1.0, n // 4),
        10.0 ** rng.uniform(-20.0, 0.0, n // 4),
        turns * (1.0 + rng.uniform(-4e-16, 4e-16, turns.size)),
        [0.0, 690.0, -690.0, np.log(2.0) / 2],
    ])


def uniform_inputs(rng, n):
    # What `unit` gives, 2^-52 ... 1, with all its scales; the ends of a binade of the reduction; far from 1.
    return np.concatenate([
        1.0 - rng.integers(0, 2**52, n // 4) * 2.0**-52,
        1.0 - 2.0 ** -rng.uniform(1.0, 52.0, n // 4),
        np.sqrt(0.5) * (1.0 + rng.uniform(-1e-3, 1e-3, n // 4)),
        10.0 ** rng.uniform(-307.0, 308.0, n // 4),
        [1.0, 2.0**-52, 1.0 - 2.0**-52, 2.0, 0.5],
    ])


def sum_inputs(rng, n):
    # exp(-difference) of wells, 0 ... 1; and the number of wells that tie.
    return np.concatenate([
        rng.uniform(0.0, 1.0, n // 4),
        10.0 ** rng.uniform(-300.0, 0.0, n // 4),
        np.sqrt(2.0) - 1.0 + rng.uniform(-1e-3, 1e-3, n // 4),
        10.0 ** rng.uniform(0.0, 300.0, n // 4),
        [0.0, 1.0, 2.0, 999_999.0, 2.0**-53, 2.0**-52, 2e-300],
    ])


def octant_inputs(rng, n):
    return np.concatenate([rng.uniform(0.0, 1.0, n // 2), 2.0 ** -rng.uniform(0.0, 52.0, n // 2), [1.0, 0.5, 2.0**-52]])


# Limits: the largest error seen in 1.2 million points (six seeds), rounded up in the second digit.
KERNELS = {
    "exp_neg": (exp_neg_inputs, lambda d: mpmath.exp(-d), 0.0),
    "log_normal": (uniform_inputs, mpmath.log, 0.0),
    "log1p_positive": (sum_inputs, mpmath.log1p, 0.0),
    "octant_sin": (octant_inputs, lambda w: mpmath.sin(mpmath.pi * w / 4), 0.0),
    "octant_cos": (octant_inputs, lambda w: mpmath.cos(mpmath.pi * w / 4), 0.0),
}
