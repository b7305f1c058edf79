"""From a plain description of a network to its layers: shapes followed through, every slip named."""

from __future__ import annotations

import numpy as np

from .._runtime.check import choice, describe, integer, real
from .images import Conv, Pool
from .layers import ACTIVATIONS, LONGEST, Activation, Dense, Fourier, Residual, Stack

# Kind: (names of its numbers, their defaults; None must be given).
NUMBERS = {
    "dense": (("n_out",), (None,)),
    "conv": (("channels", "size", "stride", "padding"), (None, 3, 1, 1)),
    "pool": (("size",), (2,)),
    "fourier": (("n_frequencies", "scale"), (None, 1.0)),
}
FORMS = (
    "'silu', 'softplus', 'leaky_relu', ('dense', n_out), ('conv', channels, size=3, stride=1, padding=1), "
    "('pool', size), ('residual', [layers]), ('fourier', n_frequencies, scale=1.0)"
)


def normalise(layers, name="layers"):
    """The description as nested lists with every number in it, as files keep it.

    Raises
    ------
    ValueError, TypeError
        If a layer is not one of the forms above.
    """
    if isinstance(layers, str) or not isinstance(layers, (list, tuple)):
        raise TypeError(f"{name} must be a list of layers, got {describe(layers)}; a layer is one of {FORMS}")
    return [_one(layer, f"{name}[{i}]") for i, layer in enumerate(layers)]


def _one(layer, name):
    if isinstance(layer, str):
        layer = (layer,)
    if not isinstance(layer, (list, tuple)) or not layer or not isinstance(layer[0], str):
        raise TypeError(f"{name} must be one of {FORMS}, got {describe(layer)}")
    kind, *rest = layer
    choice(kind, f"{name}[0]", (*ACTIVATIONS, *NUMBERS, "residual"))
    if kind == "residual":
        if len(rest) != 1:
            raise ValueError(f"{name} must be ('residual', [layers]), got {describe(layer)}")
        return [kind, normalise(rest[0], f"{name}[1]")]
    names, defaults = NUMBERS.get(kind, ((), ()))
    if len(rest) > len(names) or (names and defaults[0] is None and not rest):
        raise ValueError(f"{name}: {kind!r} takes {', '.join(names) or 'no numbers'}, got {describe(layer)}")
    values = [*rest, *defaults[len(rest) :]]
    checked = [kind]
    for key, value in zip(names, values, strict=True):
        if key == "scale":
            checked.append(real(value, f"{name}: scale", above=0))
        else:
            checked.append(integer(value, f"{name}: {key}", 0 if key == "padding" else 1, LONGEST - 1))
    return checked


def build(shape, layers, seed):
    """Layers for an input of this shape: (n_features,), or (channels, height, width), and a sum of what they give.

    Parameters
    ----------
    shape : tuple
    layers : list
        As `normalise` returns it.
    seed : SeedSequence
        Of the Fourier frequencies.

    Returns
    -------
    Stack
        With one output.
    """
    made, shape = _follow(tuple(shape), layers, np.random.default_rng(seed), "layers")
    # No bias: a constant does not change the density.
    return Stack([*made, Dense(_count(shape), 1, bias=False)])


def _count(shape):
    return int(np.prod(shape))


def _follow(shape, layers, rng, name):
    made = []
    for i, (kind, *values) in enumerate(layers):
        where, n_in = f"{name}[{i}]", _count(shape)
        if kind in ACTIVATIONS:
            layer = Activation(n_in, kind)
        elif kind == "dense":
            layer, shape = Dense(n_in, values[0]), (values[0],)
        elif kind == "fourier":
            layer, shape = Fourier(rng.normal(0.0, values[1], (values[0], n_in))), (2 * values[0],)
        elif kind == "residual":
            inner, after = _follow(shape, values[0], rng, f"{where}[1]")
            if _count(after) != n_in or not inner:
                raise ValueError(
                    f"{where}: the layers of a residual sum must keep the shape {shape}, but give {after}"
                )
            layer = Residual(Stack(inner))
        else:
            if len(shape) != 3:
                raise ValueError(
                    f"{where}: {kind!r} needs an image, but its input has shape {shape}; give the network a shape "
                    "(height, width) or (channels, height, width), and put it before the dense layers"
                )
            size, padding = values[-3 if kind == "conv" else 0], values[-1] if kind == "conv" else 0
            if size > min(shape[1:]) + 2 * padding or padding >= size:
                raise ValueError(
                    f"{where}: {kind!r} of size {size}, padding {padding} does not fit into {shape}"
                )
            layer = Conv(shape, *values) if kind == "conv" else Pool(shape, size)
            shape = layer.out_shape
        if max(_count(shape), n_in) >= LONGEST:
            raise ValueError(
                f"{where}: a layer has at most {LONGEST - 1} inputs or outputs, got {n_in} and {shape}"
            )
        made.append(layer)
    return made, shape
