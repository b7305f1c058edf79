"""What the runs of a sweep differ in: grids, lists and random draws of the settings of a trainer."""

from __future__ import annotations

import itertools
import math

import numpy as np

from .._runtime.check import describe, integer

# More runs than anybody waits for: a slip of the finger.
MOST_RUNS = 1_000_000


def rows_of(settings, n_draws, sequence):
    """The settings of every run, the names that occur, and the shape of the grid."""
    if isinstance(settings, dict):
        if not settings:
            raise ValueError("settings is empty; name at least one setting and its values")
        if n_draws is not None:
            return (
                _drawn(settings, integer(n_draws, "n_draws", 1, MOST_RUNS), sequence),
                tuple(settings),
                None,
            )
        values = {name: _values(name, given) for name, given in settings.items()}
        size = math.prod(len(v) for v in values.values())
        if size > MOST_RUNS:
            raise ValueError(
                f"settings make {size} runs, more than {MOST_RUNS}; take fewer values, or n_draws"
            )
        rows = [dict(zip(values, row, strict=True)) for row in itertools.product(*values.values())]
        return rows, tuple(values), tuple(len(v) for v in values.values())
    if n_draws is not None:
        raise ValueError("n_draws is for a dict of settings")
    if not isinstance(settings, (list, tuple)):
        raise TypeError(f"settings must be a dict of lists or a list of dicts, got {describe(settings)}")
    if not settings:
        raise ValueError("settings is empty; give at least one dict")
    for i, row in enumerate(settings):
        if not isinstance(row, dict) or not row:
            raise TypeError(f"settings[{i}] must be a dict of settings, got {describe(row)}")
    return (
        [dict(row) for row in settings],
        tuple(dict.fromkeys(name for row in settings for name in row)),
        None,
    )


def _values(name, given):
    if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
        raise TypeError(f"settings[{name!r}] must be a list of values, got {describe(given)}")
    values = [plain(v) for v in given]
    if not values:
        raise ValueError(f"settings[{name!r}] is empty")
    return values


def _drawn(settings, n, sequence):
    rng = np.random.default_rng(np.random.SeedSequence([*map(int, sequence.generate_state(4)), 1]))
    makers = {}
    for name, given in settings.items():
        if hasattr(given, "rvs"):
            makers[name] = lambda given=given: plain(given.rvs(random_state=rng))
        else:
            values = _values(name, given)
            makers[name] = lambda values=values: values[rng.integers(len(values))]
    return [{name: make() for name, make in makers.items()} for _ in range(n)]


def changed(trainer, row, i):
    """The trainer with the settings of row i."""
    known = trainer.get_params()
    own, inner = {}, {}
    for name, value in row.items():
        outer, _, rest = name.partition("__")
        if rest and outer == "sampler":
            inner[rest] = value
        elif name in known:
            own[name] = value
        else:
            raise ValueError(
                f"{name!r} is no setting of the trainer: use one of {', '.join(sorted(known))}, or sampler__ and an "
                "argument of its sampler"
            )
    try:
        if inner:
            sampler = own.get("sampler", trainer.sampler)
            if not hasattr(sampler, "with_arguments"):
                raise ValueError("the trainer has no sampler whose arguments could vary; give it one")
            own["sampler"] = sampler.with_arguments(**inner)
        return trainer.replace(**own)
    except (ValueError, TypeError) as error:
        raise type(error)(f"run {i} ({', '.join(f'{k}={v!r}' for k, v in row.items())}): {error}") from None


def plain(value):
    """A NumPy scalar as a number of Python."""
    return value.item() if isinstance(value, np.generic) else value


def canonical(value):
    """A value as JSON that tells equal values, and only them, to be equal."""
    value = plain(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, np.ndarray):
        return ["array", str(value.dtype), list(value.shape), value.tobytes().hex()]
    if isinstance(value, (list, tuple)):
        return [canonical(v) for v in value]
    if isinstance(value, dict):
        return {str(k): canonical(v) for k, v in value.items()}
    if hasattr(value, "_arguments"):
        made = {"type": type(value).__name__, "arguments": canonical(value._arguments())}
        return made | ({"theta": canonical(value.theta)} if hasattr(value, "theta") else {})
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
