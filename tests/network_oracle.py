"""A network by its definition, in complex numbers: its derivatives are imaginary parts of steps of 1e-30, exact."""

from __future__ import annotations

import numpy as np
from oracle import Oracle, Value

TINY = 1e-30


def sizes(layers, shape):
    """(layer, its input's shape) one behind the other, the sum at the end among them, and how many parameters."""
    rows, count = [], 0
    for kind, *v in layers:
        n_in = int(np.prod(shape))
        inner, before = None, shape
        if kind == "dense":
            shape, n = (v[0],), v[0] * (n_in + 1)
        elif kind == "conv":
            channels, size, stride, padding = v
            c, h, w = shape
            shape = (channels, *[(side + 2 * padding - size) // stride + 1 for side in (h, w)])
            n = channels * (c * size * size + 1)
        elif kind == "pool":
            shape, n = (shape[0], shape[1] // v[0], shape[2] // v[0]), 0
        elif kind == "fourier":
            shape, n = (2 * v[0],), 0
        elif kind == "residual":
            inner, shape, n = sizes(v[0], shape)
        else:
            n = 0
        rows.append((kind, v, before, inner, n))
        count += n
    return rows, shape, count


class NetworkOracle(Oracle):
    """Plain loops over layers; every sample and every step of a derivative is a row of its own.

    The scales are values of the same network with the sizes of all numbers, in which an activation only adds one: no
    sum has larger terms. Those of derivatives grow with them, as the error of an argument of a slope does.

    Parameters
    ----------
    energy : NetworkEnergy
    prior : Oracle, optional
        Of the base.
    """

    def __init__(self, energy, prior=None):
        about = energy._arguments()
        self.prior, self.theta = prior, np.array(energy.theta)
        self.loc, self.factor = np.array(about["loc"]), 1.0 / np.array(about["scale"])
        self.rows, self.shape, self.n = sizes(energy.layers, energy.shape)
        # As the docstring has it: drawn from a stream of their own, in the order of the layers.
        self.rng = np.random.SeedSequence(about["seed"]).spawn(2)[0]
        assert self.n + int(np.prod(self.shape)) == energy.n_params

    def network(self, x, theta, size=False):
        """f for rows x (b, n_features) and theta (b, n_params); with `size` from their sizes to that of its terms."""
        u = (x + np.abs(self.loc) if size else x - self.loc) * self.factor
        self.largest = np.ones(len(u))
        y, used = self._through(self.rows, u, theta, np.random.default_rng(self.rng), size)
        return (y * theta[:, used:]).sum(axis=1)

    def _through(self, rows, u, theta, rng, size):
        used = 0
        for kind, v, shape, inner, n in rows:
            own = theta[:, used : used + n]
            used += n
            if kind == "dense":
                w = own[:, : v[0] * u.shape[1]].reshape(len(u), v[0], -1)
                u = (w * u[:, None]).sum(axis=2) + own[:, v[0] * u.shape[1] :]
            elif kind == "conv":
                u = self._convolved(u.reshape(-1, *shape), own, *v)
            elif kind == "pool":
                s, (c, h, w) = v[0], shape
                image = u.reshape(-1, c, h, w)[:, :, : h // s * s, : w // s * s]
                u = image.reshape(-1, c, h // s, s, w // s, s).mean(axis=(3, 5)).reshape(len(u), -1)
            elif kind == "fourier":
                turns = 2.0 * np.pi * rng.normal(0.0, v[1], (v[0], u.shape[1]))
                if size:
                    wide = u @ np.abs(turns).T + 1.0
                    u = np.concatenate([wide, wide], axis=1)
                else:
                    u = np.concatenate([np.cos(u @ turns.T), np.sin(u @ turns.T)], axis=1)
            elif kind == "residual":
                u = u + self._through(inner, u, own, rng, size)[0]
            else:
                u = u + 1.0 if size else getattr(self, "_" + kind)(u)
            if size:
                self.largest = np.maximum(self.largest, u.real.max(axis=1))
        return u, used

    @staticmethod
    def _convolved(image, own, channels, size, stride, padding):
        b, c, h, w = image.shape
        taps = own[:, : channels * c * size * size].reshape(b, channels, c, size, size)
        wide = np.zeros((b, c, h + 2 * padding, w + 2 * padding), dtype=image.dtype)
        wide[:, :, padding : padding + h, padding : padding + w] = image
        out = []
        for y in range(0, h + 2 * padding - size + 1, stride):
            for x in range(0, w + 2 * padding - size + 1, stride):
                out.append((taps * wide[:, None, :, y : y + size, x : x + size]).sum(axis=(2, 3, 4)))
        return (np.stack(out, axis=2) + own[:, -channels:, None]).reshape(b, -1)

    @staticmethod
    def _silu(z):
        return z / (1.0 + np.exp(-z))

    @staticmethod
    def _softplus(z):
        return np.where(z.real > 0, z + np.log1p(np.exp(-np.abs(z.real) - 1j * z.imag)), np.log1p(np.exp(z)))

    @staticmethod
    def _leaky_relu(z):
        return np.where(z.real < 0, 0.01 * z, z)

    def _slopes(self, x, theta, in_theta, size=False):
        """Derivatives at one x, shape (n_params,) or (n_features,)."""
        x, theta = (np.abs(v) if size else v for v in (np.array(x, dtype=float), theta))
        n = len(theta) if in_theta else len(x)
        many, thetas = np.tile(x.astype(complex), (n, 1)), np.tile(theta.astype(complex), (n, 1))
        (thetas if in_theta else many)[np.arange(n), np.arange(n)] += TINY * 1j
        slopes = self.network(many, thetas, size).imag / TINY
        return slopes * (1.0 + self.largest) if size else slopes

    def _with(self, name, value, x):
        if self.prior is None or name == "param_grad":
            return value
        own = getattr(self.prior, name)(x)
        return Value(value.value + own.value, value.scale + own.scale)

    def energy(self, x):
        rows, theta = np.array([x], dtype=float), self.theta[None]
        value = self.network(rows.astype(complex), theta).real[0]
        return self._with("energy", Value(value, 1.0 + self.network(np.abs(rows), np.abs(theta), True)[0]), x)

    def grad(self, x):
        value = self._slopes(x, self.theta, False)
        return self._with("grad", Value(value, 1.0 + self._slopes(x, self.theta, False, True)), x)

    def param_grad(self, x):
        return Value(self._slopes(x, self.theta, True), 1.0 + self._slopes(x, self.theta, True, True))

    def laplacian(self, x):
        # Differences of fourth order of the exact gradient.
        total, size, h = 0.0, 1.0, 1e-3
        for d in range(len(x)):
            for steps, weight in ((1, 8.0), (-1, -8.0), (2, -1.0), (-2, 1.0)):
                moved = list(x)
                moved[d] += steps * h
                total += weight * self._slopes(moved, self.theta, False)[d] / (12.0 * h)
            size += self._slopes(x, self.theta, False, True)[d]
        return self._with("laplacian", Value(np.array(total), np.array(size)), x)
