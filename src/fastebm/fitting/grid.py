"""Rounded columns, for choices that rest on likelihood."""

from __future__ import annotations

import numpy as np

from ..preprocess.rounding import FEW, find_rounding


def off_the_grid(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """x with the values of rounded columns spread over their cells.

    Wells that narrow onto values which recur are likelier than others, on unseen rows too, and say nothing about the
    data: iris, 0.35 nats a row. Columns of ten values or fewer are left alone: `fit_auto` warns of them.
    """
    x = x.copy()
    for d in range(x.shape[1]):
        grid = find_rounding(x[:, d])
        if grid is not None and grid.n_values > FEW:
            x[:, d] = grid.noised(x[:, d], rng)
    return x
