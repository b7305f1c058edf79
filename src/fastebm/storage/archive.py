"""The file format: a JSON header and plain arrays in an .npz, read without pickle."""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile

import numpy as np

from .._runtime.check import describe
from .._runtime.errors import ModelFileError
from . import whole

FORMAT = "fastebm"
VERSION = 1
HEADER = "fastebm.json"
# Every entry carries this date, so that the same object gives the same bytes.
DATE = (1980, 1, 1, 0, 0, 0)
LARGEST_HEADER = 1 << 26


def write(path, tree, arrays: dict[str, np.ndarray]) -> None:
    """Write header and arrays to path. Whatever stops it, path holds its old content or the new one.

    Raises
    ------
    TypeError, OSError
        As `whole.write`.
    """
    # Built in memory: a value that cannot be stored is an error before a file exists.
    whole.write(path, _pack({"format": FORMAT, "version": VERSION, "content": tree}, arrays))


def read(path) -> tuple[object, dict[str, np.ndarray]]:
    """Return (content, arrays) of a file that `write` made.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ModelFileError
        If it is damaged, not of this package, or of a newer version.
    """
    name = os.fsdecode(os.fspath(path))
    with open(name, "rb") as file:
        data = file.read()
    try:
        header, arrays = _unpack(data)
    except ModelFileError as error:
        raise ModelFileError(f"cannot load {name!r}: {error}") from None
    except (
        zipfile.BadZipFile,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        OSError,
        SyntaxError,
        NotImplementedError,
        RuntimeError,
        MemoryError,
        OverflowError,
        AttributeError,
        IndexError,
        struct.error,
    ) as error:
        raise ModelFileError(f"cannot load {name!r}: it is damaged or not a fastebm file ({error})") from None
    return header["content"], arrays


def _pack(header, arrays) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        text = json.dumps(header, allow_nan=True, separators=(",", ":")).encode()
        archive.writestr(zipfile.ZipInfo(HEADER, DATE), text)
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(name + ".npy", DATE), entry.getvalue())
    return buffer.getvalue()


def _unpack(data: bytes):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        names = [e.filename for e in entries]
        if HEADER not in names:
            raise ModelFileError("it is not a fastebm file (no header)")
        if len(set(names)) != len(names):
            raise ModelFileError("it is damaged (an entry occurs twice)")
        # Stored entries cannot unpack to more than the file holds.
        if any(e.compress_type != zipfile.ZIP_STORED or e.file_size != e.compress_size for e in entries):
            raise ModelFileError("it is not a fastebm file (compressed entries)")
        if archive.getinfo(HEADER).file_size > LARGEST_HEADER:
            raise ModelFileError("it is damaged (header too large)")
        header = json.loads(archive.read(HEADER))
        if not isinstance(header, dict) or header.get("format") != FORMAT or "content" not in header:
            raise ModelFileError("it is not a fastebm file")
        version = header.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise ModelFileError(f"it is damaged (version {describe(version)})")
        if version > VERSION:
            raise ModelFileError(
                f"it has format version {version}, and this fastebm reads up to {VERSION}; update fastebm"
            )
        arrays = {}
        for entry in entries:
            if entry.filename == HEADER:
                continue
            if not entry.filename.endswith(".npy"):
                raise ModelFileError(f"it is not a fastebm file (entry {describe(entry.filename)})")
            arrays[entry.filename[:-4]] = _array(archive.read(entry))
    return header, arrays


def _array(data: bytes) -> np.ndarray:
    # np.load would allocate what the entry claims; here the claim is compared with what is there.
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ModelFileError(f"it is damaged (array format {version})")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ModelFileError("it holds Python objects, which are never loaded")
    if any(s < 0 for s in shape) or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ModelFileError("it is damaged (size of an array)")
    array = np.frombuffer(data, dtype, offset=file.tell()).copy()
    return array.reshape(shape, order="F" if fortran else "C")
