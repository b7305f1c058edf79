"""From objects to a JSON tree with arrays beside it, and back, by a registry of types. Nothing else is ever built.

A node of the tree is a number, a string, true, false, null, a list, a plain dict, or one of

    {"$": "array", "name": "a0"}                            an array of the archive
    {"$": "energy", "type": "WellMixture", ...fields}       one of a family of types
    {"$": "TrainingResult", "fields": {...fields}}          a type of its own
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import energies, samplers
from .._runtime.check import describe
from .._runtime.errors import ModelFileError

# Of a name in a message: it must be shown whole, but a file may hold anything.
LONGEST_NAME = 400
# The key that marks a node of the tree as something other than a plain dict.
KIND = "$"
ARRAY = "array"
# Nodes that occur only inside others.
PARTS = (ARRAY, "tuple", "text")
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
    """How one type is stored: `encode(obj)` gives a dict of fields, `decode(fields)` the object.

    Attributes
    ----------
    cls : type
        Objects of exactly this type are stored so; a type derived from it needs an entry of its own.
    encode, decode : callable
    kind : str
        Value of "$" in a node.
    name : str or None
        Value of "type" in a node of a family.
    flat : bool
        Do the fields stand beside "$", or under "fields"?
    """

    cls: type
    encode: Callable[[Any], dict]
    decode: Callable[[dict], Any]
    kind: str
    name: str | None = None
    flat: bool = False


class Family(NamedTuple):
    """Types that are stored in one way because they share a contract: `encode(obj)`, `decode(cls, fields)`."""

    base: type
    encode: Callable[[Any], dict]
    decode: Callable[[type, dict], Any]


class Text(NamedTuple):
    """An array of strings: stored as text, because object arrays would need pickle."""

    items: list
    shape: list


# By (kind, name), as a node has them; and by type.
REGISTRY: dict[tuple[str, str | None], Entry] = {}
_BY_TYPE: dict[type, Entry] = {}


def add(entry: Entry) -> None:
    """Put an entry into the registry.

    Raises
    ------
    ValueError
        If its name belongs to another type, or its type has another name: files that exist would change their meaning.
    """
    key = (entry.kind, entry.name)
    for there in (REGISTRY.get(key), _BY_TYPE.get(entry.cls)):
        if there is not None and (there.cls is not entry.cls or (there.kind, there.name) != key):
            raise ValueError(
                f"{entry.cls!r} cannot be registered as {entry.name or entry.kind!r}: {there.cls!r} is registered as "
                f"{there.name or there.kind!r}; "
                "give the class another name (if its module was loaded twice, start anew)"
            )
    REGISTRY[key] = _BY_TYPE[entry.cls] = entry


def register(name: str, cls: type, encode: Callable, decode: Callable) -> None:
    """Make a type of this package storable under a name, which once used in files is never given to another type."""
    add(Entry(cls, encode, decode, name))


def is_known(cls) -> bool:
    """Is this very class in the registry?"""
    return cls in _BY_TYPE


def is_object(tree) -> bool:
    """Does this node stand for an object that a user saves: no number, container or array?"""
    return isinstance(tree, dict) and KIND in tree and tree[KIND] not in PARTS


class Encoder:
    """Turns values into a tree; arrays collect in ``arrays``."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def __call__(self, value, where="it"):
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return value.item()
        if type(value) is list:
            return [self(v, f"{where}[{i}]") for i, v in enumerate(value)]
        if type(value) is dict:
            if not all(isinstance(k, str) for k in value) or KIND in value:
                raise TypeError(f"{where} cannot be saved: its keys must be strings")
            return {k: self(v, f"{where}[{k!r}]") for k, v in value.items()}
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        return self._object(value, where)

    def _array(self, value, where):
        if value.dtype.kind == "O" and all(isinstance(v, str) for v in value.ravel()):
            return self._object(Text(value.ravel().tolist(), list(value.shape)), where)
        if value.dtype.hasobject:
            raise TypeError(f"{where} cannot be saved: an array of Python objects")
        name = f"a{len(self.arrays)}"
        self.arrays[name] = value
        return {KIND: ARRAY, "name": name}

    def _object(self, value, where):
        entry = _BY_TYPE.get(type(value))
        if entry is None:
            raise TypeError(_why_not(type(value), where))
        head = {KIND: entry.kind} if entry.name is None else {KIND: entry.kind, "type": entry.name}
        fields = {k: self(v, f"{where}.{k}") for k, v in entry.encode(value).items()}
        return head | (fields if entry.flat else {"fields": fields})


def _why_not(cls, where):
    name = cls.__name__
    reason = unsaved(cls)
    if reason:
        return f"{where if where == name else f'{where}, a {name},'} cannot be saved: {reason}"
    return (
        f"{where} cannot be saved: {name} is not among the types that fastebm.save knows (energies, samplers, results, "
        f"estimators and what they hold); for an energy or a sampler of your own, call fastebm.register({name}) first"
    )


def unsaved(cls) -> str | None:
    """Why objects of this class cannot be saved, if the class says so."""
    return getattr(cls, "unsaved", None)


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
        if kind == ARRAY:
            return self.arrays[tree["name"]]
        entry = _entry(kind, tree.get("type"))
        if entry.flat:
            return entry.decode({k: self(v) for k, v in tree.items() if k not in (KIND, "type")})
        return entry.decode({k: self(v) for k, v in tree["fields"].items()})


def _entry(kind, name):
    # A file may hold anything in these two places.
    if isinstance(kind, str) and isinstance(name, str | None):
        if (kind, name) in REGISTRY:
            return REGISTRY[kind, name]
        if kind in FAMILIES and name and "." in name:
            raise ModelFileError(
                f"it holds the {kind} {name[:LONGEST_NAME]!r}, which is not registered: import the package that "
                "registers it, or call fastebm.register with the class first"
            )
    unknown = kind if name is None else name
    raise ModelFileError(f"it holds a {describe(unknown)}, which this version of fastebm does not know")


def _encode_energy(energy):
    return {"arguments": _arguments(energy), "theta": energy.theta}


def _decode_energy(cls, f):
    energy = cls(**f["arguments"])
    energy.theta = f["theta"]
    return energy


def _arguments(obj):
    obj._check_ready()
    arguments = obj._arguments()
    if type(arguments) is not dict:
        raise TypeError(
            f"{type(obj).__name__}._arguments() must return the dict of arguments that rebuild it, got "
            f"{describe(arguments)}"
        )
    return arguments


FAMILIES = {
    "energy": Family(energies.Energy, _encode_energy, _decode_energy),
    "sampler": Family(
        samplers.Sampler, lambda s: {"arguments": _arguments(s)}, lambda cls, f: cls(**f["arguments"])
    ),
}


def add_member(kind: str, name: str, cls: type) -> None:
    """Put a type of a family into the registry."""
    family = FAMILIES[kind]
    add(Entry(cls, family.encode, lambda f: family.decode(cls, f), kind, name, True))


def kind_of(cls) -> str | None:
    """Name of the family of a class, if it is derived from the base of one."""
    for kind, family in FAMILIES.items():
        if isinstance(cls, type) and issubclass(cls, family.base) and cls is not family.base:
            return kind
    return None


add(Entry(tuple, lambda t: {"items": list(t)}, lambda f: tuple(f["items"]), "tuple", flat=True))
add(
    Entry(
        Text,
        Text._asdict,
        lambda f: np.array(f["items"], dtype=object).reshape(f["shape"]),
        "text",
        flat=True,
    )
)
for _package in (energies, samplers):
    for _name in _package.__all__:
        _cls = getattr(_package, _name)
        _kind = kind_of(_cls)
        if _kind is not None and not unsaved(_cls):
            add_member(_kind, _name, _cls)
