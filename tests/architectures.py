"""Random networks: a shape and layers that fit, drawn from a seed."""

from __future__ import annotations

import numpy as np

import fastebm as fe

ACTIVATIONS = ("silu", "softplus", "leaky_relu")


def flat_layers(rng, n, activations):
    """Layers of an input of n numbers."""
    layers = []
    if rng.random() < 0.25:
        layers.append(("fourier", int(rng.integers(1, 5)), float(rng.uniform(0.05, 0.3))))
        n = 2 * layers[0][1]
    for _ in range(int(rng.integers(1, 4))):
        if rng.random() < 0.3:
            layers.append(("residual", [("dense", n), str(rng.choice(activations))]))
        else:
            n = int(rng.choice([1, 2, 3, 7, 8, 9, 13, 17, 24]))
            layers += [("dense", n), str(rng.choice(activations))]
    return layers


def image_layers(rng, shape, activations):
    """Layers of an image of that shape, the flat ones behind them."""
    layers = []
    c, h, w = shape
    for _ in range(int(rng.integers(1, 4))):
        what = rng.random()
        if what < 0.2 and min(h, w) >= 2:
            layers.append(("pool", 2))
            h, w = h // 2, w // 2
        elif what < 0.4:
            layers.append(("residual", [("conv", c, 3, 1, 1), str(rng.choice(activations))]))
        else:
            size = int(rng.integers(1, min(3, h, w) + 1))
            stride, padding = int(rng.integers(1, 3)), int(rng.integers(0, size))
            c = int(rng.choice([1, 2, 3, 7, 9]))
            h, w = ((side + 2 * padding - size) // stride + 1 for side in (h, w))
            layers += [("conv", c, size, stride, padding), str(rng.choice(activations))]
    return [*layers, ("dense", 5), str(rng.choice(activations))] if rng.random() < 0.5 else layers


def architecture(seed, activations=ACTIVATIONS):
    """(shape, layers)."""
    rng = np.random.default_rng(seed)
    if rng.random() < 0.5:
        n = int(rng.integers(1, 7))
        return n, flat_layers(rng, n, activations)
    shape = (int(rng.integers(1, 4)), int(rng.integers(2, 7)), int(rng.integers(2, 7)))
    return shape, image_layers(rng, shape, activations)


def network(seed, dtype="float64", activations=ACTIVATIONS):
    """A network of that architecture over no base, its last layer not at zero."""
    rng = np.random.default_rng([seed, 1])
    shape, layers = architecture(seed, activations)
    n = int(np.prod(shape))
    where = {"loc": rng.normal(size=n), "scale": rng.uniform(0.5, 2.0, n)}
    energy = fe.NetworkEnergy(shape, layers, dtype=dtype, seed=int(rng.integers(2**32)), **where)
    energy.theta = energy.theta + 0.3 * rng.normal(size=energy.n_params)
    return energy
