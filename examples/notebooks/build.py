"""Write the notebooks beside this file from their sources: python examples/notebooks/build.py [--check]

A source is a Python file in cells: ``# %%`` begins code, ``# %% [markdown]`` a text of comment lines. Notebooks hold no
outputs, so that a change of the text is all that a comparison shows; run them to see the rest.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def cells(source: str) -> list[tuple[str, str]]:
    """(kind, text) of every cell."""
    out = []
    for part in re.split(r"(?m)^# %%", source)[1:]:
        head, _, body = part.partition("\n")
        if "[markdown]" in head:
            lines = [re.sub("^# ?", "", line) for line in body.strip("\n").splitlines()]
            out.append(("markdown", "\n".join(lines).strip()))
        else:
            out.append(("code", body.strip("\n")))
    return out


def notebook(source: str) -> str:
    """The notebook as the text of its file."""
    made = []
    for number, (kind, text) in enumerate(cells(source)):
        cell = {
            "cell_type": kind,
            "id": hashlib.sha256(f"{number} {kind}".encode()).hexdigest()[:8],
            "metadata": {},
            "source": text.splitlines(keepends=True),
        }
        made.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    whole = {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def main(check: bool) -> int:
    stale = []
    for path in sorted(HERE.glob("*.*.py")):
        target, text = path.with_suffix(".ipynb"), notebook(path.read_text(encoding="utf-8"))
        if check and (not target.exists() or target.read_text(encoding="utf-8") != text):
            stale.append(target.name)
        elif not check:
            target.write_text(text, encoding="utf-8")
    if stale:
        print(f"not what their sources say: {', '.join(stale)}; run python {sys.argv[0]}", file=sys.stderr)
    return len(stale)


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
