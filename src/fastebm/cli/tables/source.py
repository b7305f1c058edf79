"""The bytes of a file or of standard input: unpacked, and what they are by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import zipfile
import zlib

from ..._runtime.progress import bar
from ...storage.archive import HEADER
from .table import TableError, few, shown

# Bytes read at a time: so often does the progress bar move.
PIECE = 1 << 22
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
PACKED = {
    b"\x1f\x8b": ("gzip", gzip.decompress),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ\x00": ("xz", lzma.decompress),
}
# First bytes of what is no table, what it is, and what to do.
FOREIGN = {
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "unpack it first (zstd -d)"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook (.xls)", "save it as .xlsx or CSV and give that file"),
    b"\x89HDF": ("an HDF5 file", "export the table as CSV or Parquet and give that file"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV and give that file"),
    b"%PDF-": ("a PDF document", "give the table as CSV"),
    b"\x89PNG": ("a picture", "give a table"),
    b"\x80\x04\x95": ("a Python pickle, which is never loaded", "save the table as CSV or Parquet"),
    b"{": ("JSON", "give the table as CSV (pandas: read_json(...).to_csv(...))"),
    b"<!doctype": ("a web page", "download the table itself (the raw file)"),
    b"<html": ("a web page", "download the table itself (the raw file)"),
    b"<?xml": ("XML", "give the table as CSV"),
    b"@relation": ("an ARFF file", "give the table as CSV"),
    b"RDX": ("an R data file", "in R: write.csv(table, 'table.csv')"),
}


def read(source, name: str, progress: bool) -> tuple[bytes, str, str | None]:
    """The unpacked bytes, what they are (numpy, npz, parquet, feather, excel or text), and how they were packed.

    Raises
    ------
    OSError
        If the file cannot be read.
    TableError
        If it is damaged or something else.
    """
    data = _bytes(source, name, progress)
    packed = None
    for _ in range(2):
        for start, (kind, unpack) in PACKED.items():
            if data.startswith(start):
                packed, data = kind, _unpacked(data, unpack, name, kind)
        if data[:4] in ZIP:
            data, kind = _zipped(data, name)
            if kind is not None:
                return data, kind, packed
            packed = "zip"
    if data.startswith(b"\x93NUMPY"):
        return data, "numpy", packed
    if data.startswith(b"PAR1"):
        return data, "parquet", packed
    if data.startswith((b"ARROW1", b"FEA1")):
        return data, "feather", packed
    head = data[:64].lstrip().lower()
    for start, (what, do) in FOREIGN.items():
        if data.startswith(start) or (start.isascii() and start.islower() and head.startswith(start)):
            raise TableError(f"{name} is {what}, not a table; {do}")
    return data, "text", packed


def _bytes(source, name, progress) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        with open(source, "rb") as stream:
            show = bar(progress, os.path.getsize(source), f"reading {os.path.basename(name)}", "B")
            try:
                pieces = []
                while piece := stream.read(PIECE):
                    pieces.append(piece)
                    if show is not None:
                        show.update(len(piece))
            finally:
                if show is not None:
                    show.close()
    except OSError as error:
        raise OSError(error.errno, f"cannot read {name}: {error.strerror}") from None
    return b"".join(pieces)


def _unpacked(data, unpack, name, kind) -> bytes:
    try:
        return unpack(data)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        raise TableError(f"{name}: its {kind} data are damaged ({error}); get the file again") from None


def _zipped(data, name):
    """(bytes, kind) of an archive of arrays or a workbook, or (the only member, None)."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [m for m in archive.namelist() if not m.endswith("/") and not m.startswith("__MACOSX/")]
            if not members:
                raise TableError(f"{name} is an empty zip archive; give a table")
            if "xl/workbook.xml" in members:
                return data, "excel"
            if HEADER in members:
                raise TableError(
                    f"{name} is a file that fastebm saved, not a table; give the data (fastebm sample draws from it)"
                )
            if "xl/workbook.bin" in members:
                raise TableError(f"{name} is a binary Excel workbook (.xlsb); save it as .xlsx or CSV")
            if "mimetype" in members and b"opendocument.spreadsheet" in archive.read("mimetype"):
                raise TableError(
                    f"{name} is an OpenDocument spreadsheet; save the sheet as CSV and give that file"
                )
            if all(m.endswith(".npy") for m in members):
                return data, "npz"
            if len(members) > 1:
                raise TableError(
                    f"{name} is a zip archive of {len(members)} files ({few(map(shown, members), 3)}); "
                    "unzip it and give one of them"
                )
            return archive.read(members[0]), None
    # RuntimeError: a password is wanted.
    except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, zlib.error, NotImplementedError) as error:
        raise TableError(f"{name}: the archive is damaged or locked ({error}); unzip it first") from None
