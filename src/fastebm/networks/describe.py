"""What a network is told in words: shapes, widths, how its input is scaled, where its weights begin."""

from __future__ import annotations

import numpy as np

from .._runtime.check import describe, first_bad, integer, numeric

# Of the weights of the first layer and of the others, times 1 / sqrt(fan_in).
FIRST_GAIN, GAIN = 2.0, 1.4


def shape_of(shape, name="shape"):
    """The shape of an input as a tuple, (n_features,) or (channels, height, width); ValueError where it is none."""
    sizes = (shape,) if not isinstance(shape, (list, tuple)) else tuple(shape)
    if not 1 <= len(sizes) <= 3:
        raise ValueError(
            f"{name} must be n_features, (height, width) or (channels, height, width), got {describe(shape)}"
        )
    sizes = tuple([integer(v, name, 1) for v in sizes])
    return (1, *sizes) if len(sizes) == 2 else sizes


def widths_of(values, name):
    """Widths of layers as a list of int; ValueError where there are none."""
    if isinstance(values, int):
        values = (values,)
    if not isinstance(values, (list, tuple)) or not values:
        raise ValueError(f"{name} must be a sequence of at least one width, got {describe(values)}")
    return [integer(v, name, 1) for v in values]


def standard(base, features, loc, scale):
    """(loc, scale) of the input, each of shape (features,): as given, or mean and standard deviation of the base."""
    mean, spread = np.zeros(features), np.ones(features)
    if base is not None and base.modes is not None:
        shares, modes = base.mode_shares, base.modes
        mean = shares @ modes
        spread = np.sqrt(shares @ ((modes - mean) ** 2 + base.mode_scales**2))
    elif base is not None and hasattr(base, "low"):
        mean, spread = 0.5 * (base.low + base.high), 0.5 * (base.high - base.low)
    made = []
    for value, name, default in ((loc, "loc", mean), (scale, "scale", spread)):
        array = default if value is None else numeric(value, name)
        if array.ndim and array.shape != (features,):
            raise ValueError(f"{name} must be a number or have shape ({features},), got {array.shape}")
        first_bad(np.atleast_1d(array), name)
        made.append(np.broadcast_to(array, (features,)).astype(float))
    if not (made[1] > 0).all():
        raise ValueError(f"scale must be positive, got {describe(scale)}")
    return made


def start_of(stack, flat, rng):
    """Theta to begin with: random weights, and zeros in the last layer; biases N(0, 1) in the first of a flat input."""
    parts, first = [], True
    layers = list(stack.layers)
    last = layers.pop()
    for layer in layers:
        parts.append(layer.start(rng, FIRST_GAIN if first else GAIN, 1.0 if first and flat else 0.0))
        first = first and layer.n_params == 0
    return np.concatenate([*parts, np.zeros(last.n_params)])
