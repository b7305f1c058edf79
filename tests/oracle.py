"""Independent values to compare the energies with, and the scale their rounding errors are relative to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastebm import reference

# The compiled weights stop falling at exp(-690) = 2e-300, so that no denormal numbers appear.
FLOOR = 1e-290


@dataclass(frozen=True)
class Value:
    """What a quantity should be, and the size of the terms that were added up for it."""

    value: np.ndarray
    scale: np.ndarray


class Oracle:
    """Energy, gradients and Laplacian of one sample in plain Python."""

    def energy(self, x) -> Value:
        raise NotImplementedError

    def grad(self, x) -> Value:
        raise NotImplementedError

    def param_grad(self, x) -> Value:
        raise NotImplementedError

    def laplacian(self, x) -> Value:
        raise NotImplementedError


class WellMixtureOracle(Oracle):
    """Values from `fastebm.reference`.

    A weight is exp of a difference of well energies, so its relative error is their absolute one: a few 1e-16
    times the largest well energy, which above 1e3 exceeds 1e-12. The scales grow with it from there.
    """

    def __init__(self, theta, n_wells, n_features):
        self.arguments = ([float(t) for t in theta], n_wells, n_features)
        self.wells, self.c = reference.unpack(*self.arguments)

    def _terms(self, x):
        parts = np.array([np.multiply(w.a, np.subtract(x, w.m) ** 2) for w in self.wells])
        k = np.array([w.k for w in self.wells])
        size = parts.sum(axis=1) + np.abs(k)
        _, weights = reference.energy_and_weights(x, self.wells, self.c)
        return parts, k, np.array(weights), max(1.0, size.max() / 1e3)

    def energy(self, x):
        parts, k, _, _ = self._terms(x)
        lowest = np.argmin(parts.sum(axis=1) + k)
        scale = parts[lowest].sum() + abs(k[lowest]) + math.log(len(k)) + abs(self.c)
        value = reference.energy(x, *self.arguments)
        return Value(np.array(value), np.array(scale))

    def grad(self, x):
        _, _, weights, loss = self._terms(x)
        slopes = np.abs([reference.slopes(x, w) for w in self.wells])
        return Value(np.array(reference.grad(x, *self.arguments)), loss * (weights @ slopes))

    def param_grad(self, x):
        loss = self._terms(x)[3]
        value = np.array(reference.param_grad(x, *self.arguments))
        return Value(value, loss * np.abs(value))

    def laplacian(self, x):
        _, _, weights, loss = self._terms(x)
        slopes = np.array([reference.slopes(x, w) for w in self.wells])
        traces = np.array([2.0 * sum(w.a) for w in self.wells])
        # The slopes' differences from the mean cancel, so the error is relative to their squares.
        return Value(
            np.array(reference.laplacian(x, *self.arguments)),
            loss * np.array(weights @ traces + weights @ (slopes**2).sum(axis=1)),
        )


class GaussianOracle(Oracle):
    """Values from the matrix A = L L' of the quadratic form, in plain Python; scales from sums of sizes."""

    def __init__(self, theta, n_features):
        theta = [float(t) for t in theta]
        d, below = range(n_features), iter(theta[n_features:])
        lower = [[next(below) if k < i else 0.0 for k in d] for i in d]
        for i in d:
            lower[i][i] = math.exp(theta[i])
        self.lower, self.mean, self.c = lower, theta[-n_features - 1 : -1], theta[-1]
        self.a = self._product(lower)
        self.size = self._product([[abs(v) for v in row] for row in lower])

    @staticmethod
    def _product(lower):
        d = range(len(lower))
        return [[sum(lower[i][j] * lower[k][j] for j in d) for k in d] for i in d]

    def _forms(self, x):
        delta = [a - m for a, m in zip(x, self.mean, strict=True)]
        far = [abs(a) + abs(m) for a, m in zip(x, self.mean, strict=True)]
        rows = [sum(a * v for a, v in zip(row, delta, strict=True)) for row in self.a]
        sizes = [sum(a * v for a, v in zip(row, far, strict=True)) for row in self.size]
        return delta, far, rows, sizes

    def energy(self, x):
        delta, far, rows, sizes = self._forms(x)
        value = sum(r * v for r, v in zip(rows, delta, strict=True)) + self.c
        return Value(
            np.array(value), np.array(sum(r * v for r, v in zip(sizes, far, strict=True)) + abs(self.c))
        )

    def grad(self, x):
        _, _, rows, sizes = self._forms(x)
        return Value(2.0 * np.array(rows), 2.0 * np.array(sizes))

    def param_grad(self, x):
        delta, far, rows, sizes = self._forms(x)
        d = range(len(delta))
        u = [sum(self.lower[i][k] * delta[i] for i in d) for k in d]
        wide = [sum(abs(self.lower[i][k]) * far[i] for i in d) for k in d]
        logs = [2.0 * delta[k] * u[k] * self.lower[k][k] for k in d]
        log_sizes = [2.0 * far[k] * wide[k] * self.lower[k][k] for k in d]
        value = [*logs, *[2.0 * delta[i] * u[k] for i in d for k in range(i)], *[-2.0 * r for r in rows], 1.0]
        scale = [
            *log_sizes,
            *[2.0 * far[i] * wide[k] for i in d for k in range(i)],
            *[2.0 * s for s in sizes],
            1.0,
        ]
        return Value(np.array(value), np.array(scale))

    def laplacian(self, x):
        trace = 2.0 * sum(self.a[i][i] for i in range(len(self.mean)))
        return Value(np.array(trace), np.array(trace))


class FunctionOracle(Oracle):
    """Values from functions of one sample (a list of floats) that use Python's arithmetic only."""

    def __init__(
        self, energy: Callable, grad: Callable, laplacian: Callable, param_grad: Callable | None = None
    ):
        self.functions = {"energy": energy, "grad": grad, "laplacian": laplacian, "param_grad": param_grad}

    def _value(self, name, x):
        value = np.array(self.functions[name](x), dtype=float)
        return Value(value, 1.0 + np.abs(value))

    def energy(self, x):
        return self._value("energy", x)

    def grad(self, x):
        return self._value("grad", x)

    def param_grad(self, x):
        if self.functions["param_grad"] is None:
            return Value(np.empty(0), np.empty(0))
        return self._value("param_grad", x)

    def laplacian(self, x):
        return self._value("laplacian", x)


def assert_agrees(got, samples, function, rel):
    """Compare rows of got with function(sample), within rel of each scale."""
    for row, x in zip(np.asarray(got), np.asarray(samples).tolist(), strict=True):
        want = function(x)
        error = np.abs(row - want.value)
        allowed = rel * want.scale + FLOOR
        assert (error <= allowed).all(), f"at x={x}: {row} instead of {want.value}, allowed error {allowed}"
