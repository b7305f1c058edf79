"""Find the compiled modules: all of them lie in one shared object, `fastebm/_core`, with an entry point each.

The import system can load a module from any file, but looks for it under its own name only; `_Finder` knows better.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType

_PACKAGE = os.path.dirname(os.path.dirname(__file__))


def _path() -> str:
    for suffix in EXTENSION_SUFFIXES:
        path = os.path.join(_PACKAGE, "_core" + suffix)
        if os.path.exists(path):
            return path
    raise ImportError(
        f"fastebm: {_PACKAGE} has no compiled part for this Python ({EXTENSION_SUFFIXES[0]}); reinstall from source"
    )


class _Loader(ExtensionFileLoader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        # The entry point is named after the last part of the name; setup.py makes it the whole name.
        entry = f"{spec.parent}.{spec.name.replace('.', '_')}"
        module = super().create_module(ModuleSpec(entry, self, origin=self.path))
        module.__name__ = spec.name
        return module


class _Finder:
    path = _path()
    names = frozenset(["fastebm._cyutility", "fastebm._runtime.cpu"])

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name not in cls.names:
            return None
        return spec_from_file_location(name, cls.path, loader=_Loader(name, cls.path))


# First, so that no file of an older build that lies about is taken instead.
sys.meta_path.insert(0, _Finder)

_Finder.names = frozenset(import_module("fastebm._runtime.cpu").modules())
