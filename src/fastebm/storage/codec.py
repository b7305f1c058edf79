"""From objects to a JSON tree with arrays beside it, and back, by a registry of types. Nothing else is ever built."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .. import energies, samplers
from .._runtime.check import describe
from .._runtime.errors import ModelFileError

# The key that marks a node of the tree as something other than a plain dict.
KIND = "$"
# What decoding a damaged tree can raise: it builds objects from whatever it finds.
DAMAGE = (
    TypeError,
    ValueError,
    KeyError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
    MemoryError,
)


class Entry(NamedTuple):
    """How one type is stored: `encode(obj)` gives a dict of fields, `decode(fields)` the object."""

    cls: type
    encode: Callable
    decode: Callable


REGISTRY: dict[str, Entry] = {}


def register(name: str, cls: type, encode: Callable, decode: Callable) -> None:
    """Make a type storable under a name. A name, once used in files, is never given to another type."""
    REGISTRY[name] = Entry(cls, encode, decode)


class Encoder:
    """Turns values into a tree; arrays collect in ``arrays``."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def __call__(self, value, where="it"):
        if value is None or (
            isinstance(value, (bool, int, float, str)) and type(value).__module__ == "builtins"
        ):
            return value
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return value.item()
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        if type(value) in (list, tuple):
            items = [self(v, f"{where}[{i}]") for i, v in enumerate(value)]
            return items if isinstance(value, list) else {KIND: "tuple", "items": items}
        if type(value) is dict:
            if not all(isinstance(k, str) for k in value) or KIND in value:
                raise TypeError(f"{where} cannot be saved: its keys must be strings")
            return {k: self(v, f"{where}[{k!r}]") for k, v in value.items()}
        if isinstance(value, energies.Energy):
            return self._energy(value, where)
        if isinstance(value, samplers.Sampler):
            _known(samplers, value, where)
            return {
                KIND: "sampler",
                "type": type(value).__name__,
                "arguments": self(value._arguments(), where),
            }
        for name, entry in REGISTRY.items():
            if type(value) is entry.cls:
                fields = {k: self(v, f"{where}.{k}") for k, v in entry.encode(value).items()}
                return {KIND: name, "fields": fields}
        raise TypeError(
            f"{where} cannot be saved: {describe(value)} of type {type(value).__name__} is not among the types that "
            "fastebm.save knows (energies, TrainingResult, estimators and what they hold)"
        )

    def _array(self, value, where):
        # Text is stored as text: object arrays would need pickle.
        if value.dtype.kind == "O" and all(isinstance(v, str) for v in value.ravel()):
            return {KIND: "text", "items": value.ravel().tolist(), "shape": list(value.shape)}
        if value.dtype.hasobject:
            raise TypeError(f"{where} cannot be saved: an array of Python objects")
        name = f"a{len(self.arrays)}"
        self.arrays[name] = value
        return {KIND: "array", "name": name}

    def _energy(self, value, where):
        if isinstance(value, energies.PythonEnergy):
            raise TypeError(
                f"{where} cannot be saved: a PythonEnergy is made of Python functions, and a file holds only numbers; "
                "save its arguments yourself and build it anew"
            )
        _known(energies, value, where)
        arguments = self(value._arguments(), where)
        return {
            KIND: "energy",
            "type": type(value).__name__,
            "arguments": arguments,
            "theta": self(value.theta),
        }


class Decoder:
    """Turns a tree back into values; builds only registered types."""

    def __init__(self, arrays: dict[str, np.ndarray]):
        self.arrays = arrays

    def __call__(self, tree):
        if isinstance(tree, list):
            return [self(v) for v in tree]
        if not isinstance(tree, dict):
            return tree
        kind = tree.get(KIND)
        if kind is None:
            return {k: self(v) for k, v in tree.items()}
        if kind == "tuple":
            return tuple([self(v) for v in tree["items"]])
        if kind == "text":
            return np.array(tree["items"], dtype=object).reshape(tree["shape"])
        if kind == "array":
            return self.arrays[tree["name"]]
        if kind == "energy":
            energy = _find(energies, energies.Energy, tree["type"])(**self(tree["arguments"]))
            energy.theta = self(tree["theta"])
            return energy
        if kind == "sampler":
            return _find(samplers, samplers.Sampler, tree["type"])(**self(tree["arguments"]))
        if kind not in REGISTRY:
            raise ModelFileError(f"it holds a {describe(kind)}, which this version of fastebm does not know")
        return REGISTRY[kind].decode({k: self(v) for k, v in tree["fields"].items()})


def _known(package, value, where):
    # A class of the user's own could not be found again when the file is read.
    if getattr(package, type(value).__name__, None) is not type(value):
        raise TypeError(
            f"{where} cannot be saved: {type(value).__name__} is not a type of {package.__name__}"
        )


def _find(package, base, name):
    cls = getattr(package, name, None) if isinstance(name, str) and name in package.__all__ else None
    if not (isinstance(cls, type) and issubclass(cls, base)) or cls is getattr(
        energies, "PythonEnergy", None
    ):
        raise ModelFileError(f"it holds a {describe(name)}, which this version of fastebm does not know")
    return cls
