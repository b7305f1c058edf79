"""Sections of RESULTS.md that other commands than compare.py write: nobody erases another's."""

from __future__ import annotations

import re
from pathlib import Path

_MARKED = re.compile(r"<!-- section (\S+) -->\n.*?<!-- end of \1 -->\n", re.DOTALL)


def kept(path: Path) -> str:
    """All marked sections of the file, for one that writes the rest anew."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return "".join(f"\n{found.group()}" for found in _MARKED.finditer(text))


def put(path: Path, name: str, text: str) -> None:
    """Write the section of that name, in its old place or at the end."""
    made = f"<!-- section {name} -->\n{text.strip()}\n<!-- end of {name} -->\n"
    whole = path.read_text(encoding="utf-8") if path.exists() else ""
    for found in _MARKED.finditer(whole):
        if found.group(1) == name:
            whole = whole[: found.start()] + made + whole[found.end() :]
            break
    else:
        whole += f"\n{made}"
    path.write_text(whole, encoding="utf-8")
