"""Networks against automatic differentiation: the same weights in PyTorch and JAX, random architectures."""

from __future__ import annotations

import numpy as np
import pytest
from architectures import network
from hypothesis import given, settings
from hypothesis import strategies as st

REL = {"float64": 1e-9, "float32": 2e-5}
seeds = st.integers(0, 2**32 - 1)


class Torch:
    """What the walk below needs, in PyTorch. Its own float32: the peer is as exact as it is."""

    def __init__(self):
        self.torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
        self.torch.set_num_threads(1)
        f = self.torch.nn.functional
        self.functions = {
            "silu": f.silu,
            "softplus": f.softplus,
            "leaky_relu": lambda u: f.leaky_relu(u, 0.01),
        }

    def conv(self, u, w, b, stride, padding):
        return self.torch.nn.functional.conv2d(u, w, b, stride, padding)

    def pool(self, u, size):
        return self.torch.nn.functional.avg_pool2d(u, size)

    def waves(self, u, b):
        turns = u @ self.torch.as_tensor(2.0 * np.pi * b.T, dtype=u.dtype)
        return self.torch.cat([self.torch.cos(turns), self.torch.sin(turns)], dim=1)

    def derivatives(self, f, theta, X, dtype):
        leaves = [
            self.torch.tensor(v, dtype=getattr(self.torch, dtype), requires_grad=True) for v in (theta, X)
        ]
        values = f(*leaves)
        grads = self.torch.autograd.grad(values.sum(), leaves)
        return [v.detach().numpy() for v in (values, *grads)]


class Jax:
    """The same in JAX."""

    def __init__(self):
        self.jax = pytest.importorskip("jax", reason="JAX is not installed here")
        self.jax.config.update("jax_platforms", "cpu")
        self.jax.config.update("jax_enable_x64", True)
        nn = self.jax.nn
        self.functions = {
            "silu": nn.silu,
            "softplus": nn.softplus,
            "leaky_relu": lambda u: nn.leaky_relu(u, 0.01),
        }

    def conv(self, u, w, b, stride, padding):
        y = self.jax.lax.conv_general_dilated(u, w, (stride, stride), [(padding, padding)] * 2)
        return y + b[:, None, None]

    def pool(self, u, size):
        n, c, h, w = u.shape
        squares = u[:, :, : h // size * size, : w // size * size]
        return squares.reshape(n, c, h // size, size, w // size, size).mean(axis=(3, 5))

    def waves(self, u, b):
        turns = u @ self.jax.numpy.asarray(2.0 * np.pi * b.T, u.dtype)
        return self.jax.numpy.concatenate([self.jax.numpy.cos(turns), self.jax.numpy.sin(turns)], axis=1)

    def derivatives(self, f, theta, X, dtype):
        leaves = [self.jax.numpy.asarray(v, dtype) for v in (theta, X)]
        grads = self.jax.grad(lambda *at: f(*at).sum(), argnums=(0, 1))
        # Compiled as one: step by step every operation of every shape is compiled.
        return [np.asarray(v) for v in self.jax.jit(lambda *at: (f(*at), *grads(*at)))(*leaves)]


@pytest.fixture(scope="module", params=[Torch, Jax], ids=["torch", "jax"])
def peer(request):
    return request.param()


def walk(peer, layers, shape, theta, u, rng):
    """The layers on rows u: (u, its shape, the rest of theta)."""
    for kind, *v in layers:
        n_in = int(np.prod(shape))
        if kind == "dense":
            n = v[0] * n_in
            u = u.reshape(len(u), -1) @ theta[:n].reshape(v[0], n_in).T + theta[n : n + v[0]]
            theta, shape = theta[n + v[0] :], (v[0],)
        elif kind == "conv":
            channels, size, stride, padding = v
            n = channels * shape[0] * size * size
            w, b = theta[:n].reshape(channels, shape[0], size, size), theta[n : n + channels]
            u, theta = peer.conv(u.reshape(-1, *shape), w, b, stride, padding), theta[n + channels :]
            shape = tuple(u.shape[1:])
        elif kind == "pool":
            u = peer.pool(u.reshape(-1, *shape), v[0])
            shape = tuple(u.shape[1:])
        elif kind == "fourier":
            u, shape = peer.waves(u, rng.normal(0.0, v[1], (v[0], n_in))), (2 * v[0],)
        elif kind == "residual":
            inner, _, theta = walk(peer, v[0], shape, theta, u, rng)
            u = u.reshape(len(u), -1) + inner.reshape(len(u), -1)
        else:
            u = peer.functions[kind](u)
    return u, shape, theta


def function(peer, energy):
    about = energy._arguments()
    loc, scale = np.array(about["loc"]), np.array(about["scale"])
    frequencies = np.random.SeedSequence(about["seed"]).spawn(2)[0]

    def f(theta, X):
        rng = np.random.default_rng(frequencies)
        u, _, last = walk(peer, energy.layers, energy.shape, theta, X, rng)
        return u.reshape(len(u), -1) @ last

    # Centred outside, in float64, as the network does; its x-gradient is then scaled.
    return f, lambda X: (X - loc) / scale, 1.0 / scale


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("dtype", REL)
@given(seed=seeds)
@settings(max_examples=8)
def test_values_and_gradients(peer, dtype, seed):
    energy = network(seed, dtype)
    X = 1.5 * np.random.default_rng(energy.n_params).normal(size=(9, energy.n_features))
    f, standardised, factor = function(peer, energy)
    # Theta and the input are rounded once, so that both compute with the same numbers.
    theta, u = energy.theta, standardised(X)
    values, in_theta, in_u = peer.derivatives(f, theta, u, dtype)
    assert values.dtype == dtype
    size = np.abs(values).max() + np.linalg.norm(in_theta) / len(X)
    assert np.abs(energy.energy(X) - values).max() < REL[dtype] * size
    assert distance(energy.grad(X), in_u * factor) < REL[dtype]
    assert distance(energy.param_grad(X).sum(axis=0), in_theta) < REL[dtype]
    # The control: other weights are seen.
    energy.theta = 1.05 * theta
    assert np.abs(energy.energy(X) - values).max() > REL[dtype] * size
