"""What trainers share: settings that are frozen and checked together."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

from .._runtime.check import describe


class Trainer:
    """A trainer is its settings, an object of `SETTINGS`, and the result of its last fit."""

    SETTINGS: ClassVar[Any]
    # Settings that can be given by position.
    GIVEN: ClassVar[tuple[str, ...]] = ("energy",)

    def __init__(self, *given, **options):
        known = self._names()
        unknown = options.keys() - known
        if unknown:
            shown = ", ".join(sorted(known - set(self.GIVEN)))
            raise TypeError(f"{type(self).__name__} has no option {min(unknown)!r}; it has {shown}")
        object.__setattr__(self, "settings", self.SETTINGS(*given, **options))
        object.__setattr__(self, "_last_result", None)

    @classmethod
    def _names(cls):
        return {f.name for f in fields(cls.SETTINGS)}

    def __getattr__(self, name):
        if name in self._names():
            return getattr(self.__dict__["settings"], name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name, value):
        raise AttributeError(
            f"{name!r} cannot be assigned: a trainer's settings are checked together; use "
            f"trainer.replace({name}=...), which returns a new trainer"
        )

    def __dir__(self):
        return sorted({*super().__dir__(), *self._names()})

    # A copy or a pickle is made of the arguments, as __setattr__ refuses the rest.
    def __reduce__(self):
        return _rebuild, (type(self), self.get_params())

    @property
    def last_result(self):
        """Result of the last `fit`, an interrupted one included; None before."""
        return self._last_result

    def get_params(self, deep=True):
        """Return the arguments of this trainer, defaults included, as a dict; deep is there for scikit-learn."""
        return self.settings.given

    def replace(self, **changes):
        """Return a new trainer with some arguments changed and all of them checked again.

        Parameters
        ----------
        **changes
            Arguments of the trainer.

        Raises
        ------
        ValueError, TypeError
            As the constructor does.
        """
        return type(self)(**(self.get_params() | changes))


def check_callback(callback) -> None:
    """Raise TypeError if it cannot be called."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {describe(callback)}")


def _rebuild(cls, arguments):
    return cls(**arguments)
