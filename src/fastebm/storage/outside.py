"""Energies and samplers of other packages: made known to files."""

from __future__ import annotations

import inspect

from .._runtime.check import check_heap_type, describe
from . import codec


def register(cls):
    """Make an energy or a sampler of your own one that `save`, `load` and checkpoints know.

    A file holds the name of the type ("module.Name"), the arguments that rebuild the object and, of an energy, theta.
    It never holds code, and loading imports nothing: whoever loads it must have registered the type before, most simply
    by importing the module that does.

    Parameters
    ----------
    cls : type
        A concrete class derived from `Energy` or `Sampler`, compiled or not. Its ``_arguments()`` returns the dict of
        arguments for the constructor that rebuilds the object (theta apart); without it, the constructor must work
        without arguments.

    Returns
    -------
    type
        The class itself, so that this can be used as a decorator. Registering it again changes nothing.

    Raises
    ------
    TypeError
        If cls is no such class, was compiled as a static type, cannot be rebuilt, or says (by an attribute ``unsaved``,
        the reason) that it cannot be saved.
    ValueError
        If another class of the same module and name is registered.

    Examples
    --------
    >>> import fastebm as fe, os, tempfile
    >>> @fe.register
    ... class Gentle(fe.MALA):
    ...     pass
    >>> path = os.path.join(tempfile.mkdtemp(), "gentle.npz")
    >>> fe.save(path, Gentle(0.01))
    >>> fe.load(path) == Gentle(0.01)
    True
    """
    kind = codec.kind_of(cls)
    if kind is None:
        raise TypeError(
            f"cls must be a class derived from fastebm.Energy or fastebm.Sampler, got {describe(cls)}"
        )
    name = f"{cls.__module__}.{cls.__qualname__}"
    reason = codec.unsaved(cls)
    if reason:
        raise TypeError(
            f"{name} cannot be registered, because its objects cannot be saved: {reason}. If that is not true of it, "
            "give it the attribute unsaved = None"
        )
    if not codec.is_known(cls):
        _check_build(cls, name)
        _check_rebuilt(cls, name, codec.FAMILIES[kind].base)
        codec.add_member(kind, name, cls)
    return cls


def _check_build(cls, name):
    try:
        check_heap_type(cls)
    except TypeError as error:
        raise TypeError(f"{name} cannot be registered: {error}") from None


def _check_rebuilt(cls, name, base):
    if inspect.isabstract(cls):
        raise TypeError(f"{name} cannot be registered: it is abstract; register the classes derived from it")
    if cls._arguments is not base._arguments:
        return
    # Nothing says how to rebuild it, so it must be possible without arguments.
    try:
        cls()._check_ready()
    except Exception as error:
        raise TypeError(
            f"{name} cannot be registered: its constructor does not work without arguments ({error}); define "
            "_arguments(self), which returns the dict of arguments that rebuild it"
        ) from error
