"""NPY and NPZ: arrays of numbers, which need nothing but NumPy."""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np

from .columns import of_numbers
from .table import Parsed, TableError


def parse(data: bytes, name: str) -> Parsed:
    """The columns of an array, or of the arrays of an archive side by side.

    Raises
    ------
    TableError
        If they are damaged, are Python objects, or do not make one table.
    """
    try:
        loaded = np.load(io.BytesIO(data), allow_pickle=False)
        arrays = {k: loaded[k] for k in loaded.files} if hasattr(loaded, "files") else {None: loaded}
        # NumPy hands out the bytes of a member that does not start like an array.
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError
    # Beside the obvious: RuntimeError for a member with a password, zlib.error for damaged bytes.
    except (ValueError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        pickled = " (it holds Python objects, which are never loaded)" if "pickle" in str(error) else ""
        raise TableError(f"{name}: the file is damaged or holds no plain arrays{pickled}") from None
    names, parts, named = [], [], False
    for key, array in arrays.items():
        if array.dtype.names:
            named = True
            names += array.dtype.names
            parts += [_checked(array[f], key, name) for f in array.dtype.names]
            continue
        array = _checked(array, key, name)
        array = array[:, None] if array.ndim == 1 else array
        width = array.shape[1]
        named |= bool(key)
        names += [key] if key and width == 1 else [f"{key or 'column'} {i + 1}" for i in range(width)]
        parts += list(array.T)
    if not parts or len({len(p) for p in parts}) > 1:
        shapes = {k: a.shape for k, a in arrays.items()}
        raise TableError(f"{name}: its arrays do not make one table (shapes {shapes})")
    lines = np.arange(1, len(parts[0]) + 1)
    columns = [of_numbers(n, p, lines, "row") for n, p in zip(names, parts, strict=True)]
    return Parsed(name, columns, lines, "row", named)


def _checked(array, key, name):
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2):
        label = f"array {key!r}" if key else "the array"
        raise TableError(
            f"{name}: {label} is {array.dtype} of shape {array.shape}; numbers on one or two axes are wanted"
        )
    return array
