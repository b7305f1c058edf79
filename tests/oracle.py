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


class FullWellsOracle(Oracle):
    """Wells with full precision: the quadratic form of each is that of a `GaussianOracle`, joined in plain Python.

    As in `WellMixtureOracle`, a weight is as wrong as the well energies, which are sums of the sizes here.
    """

    def __init__(self, theta, n_wells, n_features):
        width = n_features * (n_features + 3) // 2 + 1
        theta = [float(t) for t in theta]
        parts = [theta[j * width : (j + 1) * width] for j in range(n_wells)]
        self.forms = [GaussianOracle(part, n_features) for part in parts]
        self.c, self.n_features = theta[-1], n_features

    def _terms(self, x):
        found = [form.energy(x) for form in self.forms]
        e = [float(v.value) for v in found]
        low = min(e)
        masses = [math.exp(low - v) for v in e]
        total = math.fsum(masses)
        loss = max(1.0, max(float(v.scale) for v in found) / 1e3)
        return e, low, total, [m / total for m in masses], loss, found

    def energy(self, x):
        e, low, total, _, _, found = self._terms(x)
        lowest = e.index(low)
        scale = float(found[lowest].scale) + math.log(len(e)) + abs(self.c)
        return Value(np.array(low - math.log(total) + self.c), np.array(scale))

    def grad(self, x):
        _, _, _, weights, loss, _ = self._terms(x)
        parts = [form.grad(x) for form in self.forms]
        return Value(
            sum(w * p.value for w, p in zip(weights, parts, strict=True)),
            loss * sum(w * p.scale for w, p in zip(weights, parts, strict=True)),
        )

    def param_grad(self, x):
        # That of a form ends with the derivative in its own constant, which is k.
        _, _, _, weights, loss, _ = self._terms(x)
        parts = [form.param_grad(x) for form in self.forms]
        value = np.concatenate([w * p.value for w, p in zip(weights, parts, strict=True)] + [[1.0]])
        scale = np.concatenate([w * p.scale for w, p in zip(weights, parts, strict=True)] + [[1.0]])
        return Value(value, loss * scale)

    def laplacian(self, x):
        _, _, _, weights, loss, _ = self._terms(x)
        slopes = [form.grad(x) for form in self.forms]
        traces = [float(form.laplacian(x).value) for form in self.forms]
        mean = sum(w * s.value for w, s in zip(weights, slopes, strict=True))
        value = sum(
            w * (t - ((s.value - mean) ** 2).sum()) for w, t, s in zip(weights, traces, slopes, strict=True)
        )
        size = sum(w * (t + (s.scale**2).sum()) for w, t, s in zip(weights, traces, slopes, strict=True))
        return Value(np.array(value), np.array(loss * size))


class StudentWellsOracle(Oracle):
    """Wells with heavy tails: k + (df + D) / 2 log(1 + 2 q / df), with the q of a `GaussianOracle`."""

    def __init__(self, theta, n_wells, n_features, full):
        theta = [float(t) for t in theta]
        d, n_below = n_features, n_features * (n_features - 1) // 2
        shape = d + (n_below if full else 0)
        width = shape + d + 2
        self.forms, self.df, self.k = [], [], []
        for j in range(n_wells):
            part = theta[j * width : (j + 1) * width]
            below = part[d:shape] if full else [0.0] * n_below
            self.forms.append(GaussianOracle([*part[:d], *below, *part[shape : shape + d], 0.0], d))
            self.df.append(math.exp(part[-2]))
            self.k.append(part[-1])
        self.c, self.d, self.full = theta[-1], d, full

    def _terms(self, x):
        """Of each well: share, de/dq, df de/d df, half, then values and sizes of q; and the loss of the shares."""
        e, rows, size = [], [], 0.0
        for form, df, k in zip(self.forms, self.df, self.k, strict=True):
            found = form.energy(x)
            q, wide, half = float(found.value), float(found.scale), 0.5 * (df + self.d)
            e.append(k + half * math.log1p(2.0 * q / df))
            slope = half * (2.0 / df) / (1.0 + 2.0 * q / df)
            by_df = 0.5 * df * math.log1p(2.0 * q / df) - slope * q
            rows.append([slope, by_df, half, q, wide])
            # An energy is as wrong as its q, by the slope, and as its logarithm.
            size = max(size, abs(e[-1]) + abs(k) + slope * wide)
        low = min(e)
        masses = [math.exp(low - v) for v in e]
        total = math.fsum(masses)
        return [m / total for m in masses], rows, low - math.log(total) + self.c, max(1.0, size / 1e3), size

    def energy(self, x):
        _, _, value, _, size = self._terms(x)
        return Value(np.array(value), np.array(size + math.log(len(self.k)) + abs(self.c)))

    def _slopes(self, x):
        """Of each well: its gradient, and the size of what it is made of."""
        shares, rows, _, loss, _ = self._terms(x)
        for form, w, (slope, _, half, q, wide) in zip(self.forms, shares, rows, strict=True):
            g = form.grad(x)
            # The slope is as wrong as q beside df / 2 + q.
            lost = 1.0 + wide / (q + half)
            yield w, slope, half, g.value, g.scale * slope * lost, loss

    def grad(self, x):
        parts = list(self._slopes(x))
        return Value(
            sum(w * slope * g for w, slope, _, g, _, _ in parts),
            sum(loss * w * s for w, *_, s, loss in parts),
        )

    def param_grad(self, x):
        shares, rows, _, loss, _ = self._terms(x)
        value, scale = [], []
        for form, df, w, (slope, by_df, half, q, wide) in zip(self.forms, self.df, shares, rows, strict=True):
            found, d = form.param_grad(x), self.d
            n_below = d * (d - 1) // 2
            keep = np.r_[0:d, d : d + (n_below if self.full else 0), d + n_below : d + n_below + d]
            lost = 1.0 + wide / (q + half)
            value += [*(w * slope * found.value[keep]), w * by_df, w]
            scale += [
                *(w * slope * lost * found.scale[keep]),
                w * (half * math.log1p(2 * q / df) + slope * wide),
                w,
            ]
        return Value(np.array([*value, 1.0]), np.array([*scale, 1.0]) * loss)

    def laplacian(self, x):
        parts = list(self._slopes(x))
        mean = sum(w * slope * g for w, slope, _, g, _, _ in parts)
        value, size = 0.0, 0.0
        for form, (w, slope, half, g, s, loss) in zip(self.forms, parts, strict=True):
            trace = slope * float(form.laplacian(x).value)
            own = slope * g
            value += w * (trace - (own**2).sum() / half - ((own - mean) ** 2).sum())
            size += w * loss * (trace + 3.0 * (s**2).sum())
        return Value(np.array(value), np.array(size))


class SumOracle(Oracle):
    """The sum of oracles, times a factor; a scale is that of all terms."""

    def __init__(self, parts, factor=1.0):
        self.parts, self.factor = parts, factor

    def _of(self, name, x, join):
        found = [getattr(p, name)(x) for p in self.parts]
        return Value(
            self.factor * join([f.value for f in found]), self.factor * join([f.scale for f in found])
        )

    def energy(self, x):
        return self._of("energy", x, sum)

    def grad(self, x):
        return self._of("grad", x, sum)

    def param_grad(self, x):
        return self._of("param_grad", x, np.concatenate)

    def laplacian(self, x):
        return self._of("laplacian", x, sum)


class AffineOracle(Oracle):
    """An oracle in other coordinates. The inverse loses some digits, which the scales grow with.

    The trace of its Hessian is that of differences of its own gradient.
    """

    def __init__(self, inner, scale, offset, energy):
        matrix = np.array(scale) if np.ndim(scale) == 2 else np.diag(scale)
        self.inverse, self.offset, self.inner = np.linalg.inv(matrix), np.array(offset), inner
        self.energy_itself = energy

    def _back(self, x):
        return (self.inverse @ (np.array(x) - self.offset)).tolist()

    def _wider(self, value, z):
        # An error of an ulp in z moves a value by its gradient's share of it.
        return value.scale + np.abs(self.inner.grad(z).scale).max() * (1.0 + np.abs(z).max())

    def energy(self, x):
        z = self._back(x)
        value = self.inner.energy(z)
        return Value(value.value, self._wider(value, z))

    def _curved(self, z):
        # Likewise for a gradient, by the curvature.
        return 1.0 + float(self.inner.laplacian(z).scale) * (1.0 + np.abs(z).max())

    def grad(self, x):
        z = self._back(x)
        value = self.inner.grad(z)
        wide = value.scale.max() + self._curved(z)
        return Value(self.inverse.T @ value.value, np.abs(self.inverse).T.sum(axis=1) * wide)

    def param_grad(self, x):
        z = self._back(x)
        value = self.inner.param_grad(z)
        size = (1.0 + np.abs(z).max()) * (1.0 + np.abs(self.inner.grad(z).scale).max()) + self._curved(z)
        return Value(value.value, value.scale * size + size)

    def laplacian(self, x):
        x = np.array(x, dtype=float)
        total, size = 0.0, 1.0
        for d in range(len(x)):
            step = 1e-5 * (1.0 + abs(x[d]))
            ends = [x.copy(), x.copy()]
            ends[0][d] += step
            ends[1][d] -= step
            high, low = (self.grad(e.tolist()) for e in ends)
            total += (high.value[d] - low.value[d]) / (2.0 * step)
            size += np.abs(high.scale).max()
        return Value(np.array(total), np.array(size * 10.0))


class ConditionedOracle(Oracle):
    """An oracle of some features, the others fixed. The trace of its Hessian is that of differences of its gradient."""

    def __init__(self, inner, n_features, observed, values):
        self.inner, self.whole = inner, np.zeros(n_features)
        self.whole[list(observed)] = values
        self.free = [d for d in range(n_features) if d not in observed]

    def _wide(self, x):
        whole = self.whole.copy()
        whole[self.free] = x
        return whole.tolist()

    def energy(self, x):
        return self.inner.energy(self._wide(x))

    def grad(self, x):
        value = self.inner.grad(self._wide(x))
        return Value(np.asarray(value.value)[self.free], np.asarray(value.scale)[self.free])

    def param_grad(self, x):
        return self.inner.param_grad(self._wide(x))

    laplacian = AffineOracle.laplacian


class RBMOracle(Oracle):
    """Every state of the hidden units, summed: exp(-E) = sum_h exp(-E(x, h))."""

    def __init__(self, theta, n_features, n_hidden):
        theta = [float(t) for t in theta]
        d, j = n_features, n_hidden
        self.log_sigma, self.b, self.c = theta[:d], theta[d : 2 * d], theta[2 * d : 2 * d + j]
        self.w = [theta[2 * d + j + i * n_hidden : 2 * d + j + (i + 1) * n_hidden] for i in range(d)]

    def _terms(self, x):
        q = [math.exp(-2.0 * s) for s in self.log_sigma]
        t = [
            c + sum(row[j] * v * p for row, v, p in zip(self.w, x, q, strict=True))
            for j, c in enumerate(self.c)
        ]
        size = [
            abs(c) + sum(abs(row[j] * v * p) for row, v, p in zip(self.w, x, q, strict=True))
            for j, c in enumerate(self.c)
        ]
        # A probability is an exponential of t, whose rounding is relative to its terms.
        p = [1.0 / (1.0 + math.exp(-v)) for v in t]
        return q, t, size, p

    def energy(self, x):
        q, t, size, _ = self._terms(x)
        wells = sum(0.5 * k * (v - b) ** 2 for k, v, b in zip(q, x, self.b, strict=True))
        soft = [max(v, 0.0) + math.log1p(math.exp(-abs(v))) for v in t]
        far = sum(0.5 * k * (abs(v) + abs(b)) ** 2 for k, v, b in zip(q, x, self.b, strict=True))
        return Value(np.array(wells - sum(soft)), np.array(far + sum(size) + len(t)))

    def grad(self, x):
        q, _, size, p = self._terms(x)
        value = [
            k * (v - b - sum(w * a for w, a in zip(row, p, strict=True)))
            for k, v, b, row in zip(q, x, self.b, self.w, strict=True)
        ]
        scale = [
            k * (abs(v) + abs(b) + sum(abs(w) * (1.0 + s) for w, s in zip(row, size, strict=True)))
            for k, v, b, row in zip(q, x, self.b, self.w, strict=True)
        ]
        return Value(np.array(value), np.array(scale))

    def param_grad(self, x):
        q, _, size, p = self._terms(x)
        log_sigma, b, w, sizes = [], [], [], [[], [], [], []]
        for k, v, centre, row in zip(q, x, self.b, self.w, strict=True):
            mixed = sum(r * a for r, a in zip(row, p, strict=True)) * v
            log_sigma.append(k * (2.0 * mixed - (v - centre) ** 2))
            far = (abs(v) + abs(centre)) ** 2
            wide = sum(abs(r) * (1.0 + s) for r, s in zip(row, size, strict=True)) * abs(v)
            sizes[0].append(k * (2.0 * wide + far))
            b.append(-k * (v - centre))
            sizes[1].append(k * (abs(v) + abs(centre)))
            w.extend(-k * v * a for a in p)
            sizes[3].extend(k * abs(v) * (1.0 + s) for s in size)
        sizes[2] = [1.0 + s for s in size]
        return Value(np.array([*log_sigma, *b, *[-a for a in p], *w]), np.concatenate(sizes))

    def laplacian(self, x):
        q, _, size, p = self._terms(x)
        value = sum(q)
        scale = sum(q)
        for j, a in enumerate(p):
            square = sum((row[j] * k) ** 2 for row, k in zip(self.w, q, strict=True))
            value -= a * (1.0 - a) * square
            scale += (1.0 + size[j]) * square
        return Value(np.array(value), np.array(scale))


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
