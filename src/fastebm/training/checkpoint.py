"""A training run on disk: everything that is needed to go on as if it had never stopped."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from .._runtime.check import integer
from .._runtime.errors import ModelFileError
from ..storage.codec import DAMAGE, Decoder, Encoder, register
from .augment import Augmentation, Crop, Flip, Noise, Shift

FUNCTION = "function "


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes
    ----------
    settings : dict
        Arguments of the trainer.
    choices : dict
        What the trainer chose from the data: samplers and the reinitialisation box.
    state : dict
        State of the loop after the last complete update.
    digest : str
        SHA-256 of the data.
    flat : bool
        Whether X was 1-D.
    every : int
        Updates between two checkpoints.
    validation : dict or None
        State of the evaluations on held-out rows.
    """

    settings: dict
    choices: dict
    state: dict
    digest: str
    flat: bool
    every: int
    validation: dict | None = None

    def __repr__(self) -> str:
        return f"Checkpoint after {self.state['update']} of {self.settings['n_updates']} updates"


for _cls in (Noise, Shift, Flip, Crop):
    register(_cls.__name__, _cls, _cls._arguments, lambda fields, cls=_cls: cls(**fields))
register(
    "Checkpoint",
    Checkpoint,
    lambda c: {f.name: getattr(c, f.name) for f in fields(c)},
    lambda fields: _decode(fields),
)


def _decode(fields: dict) -> Checkpoint:
    saved = Checkpoint(**fields)
    return replace(saved, state=_upgraded(saved)) if "chains" in saved.state else saved


def _upgraded(saved: Checkpoint) -> dict:
    """The state of a checkpoint of version 0.1.0, in which it was one flat dict."""
    old, settings = saved.state, saved.settings
    tallies = []
    if settings["n_steps"] > 0:
        tallies.append([int(v) for v in old["tally"][:3]])
    if saved.choices["global_move"] is not None and settings["n_global"] > 0:
        tallies.append([int(v) for v in old["global_tally"][:3]])
    if settings["buffer"] == "fifo":
        negatives = {name: old[name] for name in ("store", "ring_start", "ring_size")}
    else:
        chains = old["chains"]
        negatives = {"chains": chains, "states": np.zeros((len(chains), 1)), "started": old["update"] > 0}
        if settings["weighting"] == "jarzynski":
            negatives |= {name: old[name] for name in ("log_weight", "smallest_ess", "n_resampled")}
    return {
        "update": old["update"],
        "key": old["key"],
        "tallies": tallies,
        "positive": {},
        "negatives": negatives,
        "optimiser": {
            name: old[name] for name in ("theta", "total", "averaged", "first", "second", "decay1", "decay2")
        },
        "history": {
            "rows": old["history"][:, :3].copy(),
            "steps": np.arange(old["update"]),
            "thetas": old["history"][:, 3:].copy(),
            "every": 1,
        },
    }


def storable(settings: dict) -> dict:
    """Settings for a file, which holds no code: of a function among the augmentations only its name is kept."""
    augment = settings.get("augment")
    if augment is None or isinstance(augment, Augmentation):
        return settings
    parts = augment if isinstance(augment, list | tuple) else [augment]
    kept = [
        p if isinstance(p, Augmentation | str) else FUNCTION + getattr(p, "__name__", type(p).__name__)
        for p in parts
    ]
    return settings | {"augment": kept}


def with_functions(settings: dict, augment, path) -> dict:
    """Settings from a file, with `augment` where a function of the user's is missing from them."""
    kept = settings.get("augment")
    names = [p for p in kept if isinstance(p, str)] if isinstance(kept, list) else []
    if augment is not None:
        return settings | {"augment": augment}
    if names:
        raise ValueError(
            f"the run in {str(path)!r} changes rows by {', '.join(names)}, and a file holds no code; give "
            "resume(..., augment=) as the trainer had it"
        )
    return settings


def data_digest(x: np.ndarray) -> str:
    """SHA-256 of the shape and the bytes of a C-ordered float64 array."""
    import hashlib

    rows = np.ascontiguousarray(x, dtype="<f8")
    return hashlib.sha256(repr(rows.shape).encode() + b"\n" + rows.data).hexdigest()


class Writer:
    """Writes the checkpoints of one run."""

    def __init__(self, path, every, take, written):
        self.path, self.every, self.take = path, integer(every, "checkpoint_every", 1), take
        self.written = written

    def due(self, update: int) -> int:
        """Updates until the next checkpoint."""
        return self.every - update % self.every

    def write(self, update: int) -> None:
        """Write a checkpoint, unless the last one is of the same update."""
        if update == self.written:
            return
        encoder = Encoder()
        tree = encoder(self.take(self.every), "the checkpoint")
        from ..storage import archive

        archive.write(self.path, tree, encoder.arrays)
        self.written = update


def read_checkpoint(path, x: np.ndarray, x_val: np.ndarray | None = None) -> Checkpoint:
    """Read a checkpoint and make sure that it belongs to the data x and the held-out rows x_val.

    Raises
    ------
    OSError, ModelFileError
        If the file cannot be read, or is damaged or foreign.
    ValueError
        If the run was on other data.
    """
    from ..storage import archive

    tree, arrays = archive.read(path)
    name = str(path)
    try:
        saved = Decoder(arrays)(tree)
    except ModelFileError as error:
        raise ModelFileError(f"cannot resume from {name!r}: {error}") from None
    except DAMAGE as error:
        raise ModelFileError(f"cannot resume from {name!r}: its content is damaged ({error})") from None
    if not isinstance(saved, Checkpoint):
        raise ModelFileError(
            f"cannot resume from {name!r}: it holds a {type(saved).__name__}, not a checkpoint"
        )
    if saved.digest != data_digest(x):
        raise ValueError(
            f"X is not the data of the run in {name!r}: shape {x.shape} or values differ; resume needs the same rows "
            "in the same order"
        )
    if saved.validation is not None and (
        x_val is None or saved.validation.get("digest") != data_digest(x_val)
    ):
        raise ValueError(
            f"the run in {name!r} looks at held-out rows: "
            + ("give them to resume as X_val" if x_val is None else "X_val is not theirs (shape or values)")
        )
    if saved.validation is None and x_val is not None:
        raise ValueError(f"X_val was given, but the run in {name!r} looks at no held-out rows")
    return saved
