"""A network in NumPy behind `PythonEnergy`: a base of normal law and a tanh layer, with hand-written gradients."""

from __future__ import annotations

import numpy as np

import fastebm as fe


class Network(fe.PythonEnergy):
    """E(x) = |x|^2 / (2 s^2) + w . tanh(A x + b), which says how saturated its layer is."""

    def saturation(self, X):
        hidden = len(self.theta) // (self.n_features + 2)
        a, b, _ = parts(self.theta, self.n_features, hidden)
        return np.array([float((1.0 - np.tanh(X @ a.T + b) ** 2 < 0.01).mean())])


def parts(theta, d, hidden):
    a, b, w = np.split(theta, [d * hidden, (d + 1) * hidden])
    return a.reshape(hidden, d), b, w


def network(d=2, hidden=60, s=2.5, seed=0):
    """A fresh one whose last layer is 0."""

    def energy(X, theta):
        a, b, w = parts(theta, d, hidden)
        return 0.5 * (X**2).sum(axis=1) / s**2 + np.tanh(X @ a.T + b) @ w

    def grad(X, theta):
        a, b, w = parts(theta, d, hidden)
        return X / s**2 + ((1.0 - np.tanh(X @ a.T + b) ** 2) * w) @ a

    def param_grad_sum(X, theta, weights):
        a, b, w = parts(theta, d, hidden)
        h = np.tanh(X @ a.T + b)
        back = (1.0 - h**2) * w * weights[:, None]
        return np.concatenate([(back.T @ X).ravel(), back.sum(axis=0), h.T @ weights])

    rng = np.random.default_rng(seed)
    start = np.concatenate([rng.normal(size=d * hidden), rng.normal(size=hidden), np.zeros(hidden)])
    return Network(energy, grad, d, param_grad_sum=param_grad_sum, theta=start)


def ring(n, seed):
    """Eight normal laws on a circle of radius 2."""
    rng = np.random.default_rng(seed)
    angle = rng.integers(8, size=n) * np.pi / 4
    return 2.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.25 * rng.normal(size=(n, 2))
