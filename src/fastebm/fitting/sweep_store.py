"""The file of a sweep, to which every finished run is added."""

from __future__ import annotations

import hashlib
import json
import os

from .sweep_settings import canonical


class Store:
    """Finished runs, in memory and in a file of a line each."""

    def __init__(self, path, fingerprint):
        self.done = {}
        self.file = None
        if path is None:
            return
        path = os.fspath(path)
        good = 0
        if os.path.exists(path) and os.path.getsize(path):
            good = self._read(path, fingerprint)
        self.file = open(path, "r+b" if good else "wb")
        if good:
            # A line that was cut off when the run was killed is written again.
            self.file.truncate(good)
            self.file.seek(good)
        else:
            self._write({"sweep": fingerprint})

    def _read(self, path, fingerprint):
        good = 0
        with open(path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    entry = json.loads(line)
                    if good == 0:
                        same = entry["sweep"] == fingerprint
                    else:
                        self.done[entry.pop("key")] = entry
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise ValueError(f"{path} is not the file of a sweep; give another path") from None
                if good == 0 and not same:
                    raise ValueError(
                        f"{path} belongs to a sweep of other data, seed, trainer, test rows or checks; give "
                        "another path"
                    )
                good += len(line)
        if good == 0:
            raise ValueError(f"{path} is not the file of a sweep; give another path")
        return good

    def _write(self, entry):
        self.file.write(json.dumps(entry).encode() + b"\n")
        self.file.flush()

    def add(self, key, found):
        self.done[key] = found
        if self.file is not None:
            self._write({"key": key} | found)

    def close(self):
        if self.file is not None:
            self.file.close()


def fingerprint(trainer, x, test, truth, words, diagnose) -> str:
    """What a file of runs must have in common with a sweep that goes on from it."""
    text = json.dumps(
        [canonical(v) for v in (trainer.get_params(), x, test, truth, [int(w) for w in words], diagnose)]
    )
    return hashlib.sha256(text.encode()).hexdigest()
