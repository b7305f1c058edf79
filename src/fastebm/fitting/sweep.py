"""Many trainings with other settings: steps, noise and replay ratio must be tuned together."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os
import threading
import time
from dataclasses import dataclass

import numpy as np

from .._runtime.check import describe, integer, samples
from .._runtime.errors import NonFiniteError, TrainingError
from .._runtime.progress import bar
from .._runtime.seed import seed_sequence
from .._runtime.threads import each, resolve
from ..energies.base import Energy, as_energy
from ..partition.log_partition import UntrustedEstimateError, log_partition
from ..samplers.base import Sampler

# More runs than anybody waits for: a slip of the finger.
MOST_RUNS = 1_000_000
# Exact samples of a truth in more than one dimension, and points of the grid in one.
TRUTH_SAMPLES, TRUTH_POINTS = 20_000, 4001
# Columns that every table has, behind those of the settings.
MEASURED = ("log_likelihood", "nats_lost", "acceptance_rate", "energy_gap", "seconds")


@dataclass(frozen=True, eq=False)
class SweepResult:
    """What `sweep` returns: a row for every run, in the order of the settings.

    Attributes
    ----------
    table : dict of ndarray
        For every setting that varies a column of its name; ``repeat``; ``log_likelihood`` (mean over X_test, or over X
        without, in nats a row), ``nats_lost`` (to the truth, or NaN without one), ``acceptance_rate``,
        ``energy_gap`` (mean over the last fifth of the updates), ``seconds``; ``warnings``, the codes of the checks
        that warned, with spaces between; ``error``, why a run has no result, or "".
    names : tuple of str
        The settings that vary.
    shape : tuple of int or None
        Of the grid, with the repeats last; None for a list or random draws.
    """

    table: dict[str, np.ndarray]
    names: tuple[str, ...]
    shape: tuple[int, ...] | None

    def __len__(self) -> int:
        return len(self.table["seconds"])

    def grid(self, name: str) -> np.ndarray:
        """A column in the shape of the grid, with the repeats last."""
        if self.shape is None:
            raise ValueError("these settings are a list, not a grid")
        return self.table[name].reshape(self.shape)

    def warns(self, code: str) -> np.ndarray:
        """Did the check of this code warn? Shape (n_runs,)."""
        return np.array([code in row.split() for row in self.table["warnings"]])

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of all checks that warned in any run."""
        return tuple(sorted({code for row in self.table["warnings"] for code in row.split()}))

    def best(self) -> dict:
        """The settings of the run that lost the fewest nats, or that has the highest log-likelihood."""
        lost = self.table["nats_lost"]
        value = lost if np.isfinite(lost).any() else -self.table["log_likelihood"]
        if not np.isfinite(value).any():
            raise ValueError("no run has a result; see table['error']")
        row = int(np.nanargmin(np.where(np.isfinite(value), value, np.inf)))
        return {name: _plain(self.table[name][row]) for name in self.names}

    def to_pandas(self):
        """The table as a pandas DataFrame."""
        try:
            import pandas
        except ImportError:
            raise ImportError("to_pandas needs pandas; table is a dict of arrays without it") from None
        return pandas.DataFrame(self.table)

    def __repr__(self) -> str:
        failed = int((self.table["error"] != "").sum())
        return f"SweepResult({len(self)} runs over {', '.join(self.names)}" + (
            f", {failed} without a result)" if failed else ")"
        )


def sweep(
    trainer,
    X,
    settings,
    *,
    seed=None,
    truth=None,
    X_test=None,
    n_draws=None,
    n_repeats=1,
    diagnose=True,
    n_threads=None,
    path=None,
    progress=False,
) -> SweepResult:
    """Train with many settings, and measure what each of them costs.

    Parameters
    ----------
    trainer : ContrastiveDivergence
        Where every run starts from.
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        The data of every run.
    settings : dict or list of dict
        A dict of lists is a grid: every combination, the last setting fastest. A list of dicts is taken as it is. Names
        are arguments of the trainer, or after ``sampler__`` those of its sampler (``sampler__noise_std``).
    seed : None, int, SeedSequence or Generator
        Every run has a stream of its own, made of the seed, its settings and its repeat: it does not depend on the
        other runs, their order or the threads.
    truth : Energy, optional
        What the data were drawn from; ``nats_lost`` is the Kullback-Leibler divergence to the fit. In one dimension by
        quadrature, in more over 20,000 of its exact samples.
    X_test : array-like, optional
        Rows for ``log_likelihood``, by default X.
    n_draws : int, optional
        Draw so many settings at random instead of the whole grid: of a list uniformly; of an object with ``rvs`` (a
        frozen SciPy distribution) by it.
    n_repeats : int, default 1
        Runs of every combination, each with a stream of its own.
    diagnose : bool, default True
        Run the checks on every fit; they take longer than a short training.
    n_threads : int, optional
        Trainings at a time.
    path : str or path-like, optional
        File that every finished run is added to. A call with the same arguments goes on from there.
    progress : bool, default False
        Show a progress bar (needs tqdm).

    Returns
    -------
    SweepResult

    Raises
    ------
    ValueError, TypeError
        Before any run, if a name is no setting, a value is refused by the trainer, there is nothing to run or too much,
        or the file belongs to another sweep.

    Notes
    -----
    A run that fails (its chains diverge, say) is a row with an ``error`` and NaN. Only one row is kept of every run, so
    memory does not grow with the size of the fits.

    Examples
    --------
    >>> import fastebm as fe
    >>> truth = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
    >>> trainer = fe.ContrastiveDivergence.notebook()
    >>> noise = {"sampler__noise_std": [0.085, 0.33]}  # the notebook's, and that of temperature 1
    >>> result = fe.sweep(trainer, truth.exact_sample(500, seed=1), noise, seed=1, truth=truth)
    >>> result.best(), (result.table["nats_lost"] > 0.25).tolist()
    ({'sampler__noise_std': 0.33}, [True, False])
    """
    x, _ = samples(X, trainer.energy.n_features)
    test = x if X_test is None else samples(X_test, trainer.energy.n_features, "X_test")[0]
    sequence = seed_sequence(seed)
    repeats = integer(n_repeats, "n_repeats", 1, MOST_RUNS)
    rows, names, shape = _rows(settings, n_draws, sequence)
    if len(rows) * repeats > MOST_RUNS:
        raise ValueError(
            f"settings make {len(rows) * repeats} runs, more than {MOST_RUNS}; take fewer values"
        )
    if truth is not None:
        as_energy(truth, "truth")
        if truth.n_features != x.shape[1]:
            raise ValueError(f"truth has n_features={truth.n_features}, but X has {x.shape[1]}")
    if n_threads is not None:
        resolve(n_threads)
    runs = [
        _Run(_changed(trainer, row, i), row, repeat)
        for i, row in enumerate(rows)
        for repeat in range(repeats)
    ]
    measure = _Measure(truth, test, sequence)
    words = list(sequence.generate_state(4))
    store = _Store(path, _fingerprint(trainer, x, test, truth, words, diagnose))
    todo = [run for run in runs if run.key not in store.done]
    show = bar(progress, len(runs), "sweep", "run") if progress else None
    if show is not None:
        show.update(len(runs) - len(todo))
    lock = threading.Lock()

    def work(i):
        found = todo[i].train(x, words, measure, diagnose)
        with lock:
            store.add(todo[i].key, found)
            if show is not None:
                show.update(1)

    try:
        each(work, len(todo), resolve(n_threads))
    finally:
        store.close()
        if show is not None:
            show.close()
    found = [store.done[run.key] for run in runs]
    table = {name: _column([run.row.get(name) for run in runs]) for name in names}
    table["repeat"] = np.array([run.repeat for run in runs])
    for name in MEASURED:
        table[name] = np.array([np.nan if f[name] is None else f[name] for f in found], dtype=float)
    for name in ("warnings", "error"):
        table[name] = np.array([f[name] for f in found])
    return SweepResult(table, names, None if shape is None else (*shape, repeats))


class _Run:
    """One training: its trainer, its settings, and the key that its stream and its row in the file go by."""

    def __init__(self, trainer, row, repeat):
        self.trainer, self.row, self.repeat = trainer, row, repeat
        text = json.dumps([sorted((k, _canonical(v)) for k, v in row.items()), repeat])
        self.key = hashlib.sha256(text.encode()).hexdigest()[:32]

    def train(self, x, words, measure, diagnose):
        stream = np.random.SeedSequence(
            [*map(int, words), *np.frombuffer(bytes.fromhex(self.key), np.uint32).tolist()]
        )
        begin = time.perf_counter()
        found = dict.fromkeys(MEASURED) | {"warnings": "", "error": ""}
        try:
            result = self.trainer._fit(x, False, stream, diagnose=diagnose, n_threads=1, heard=False)
            gap = result.history["energy_gap"]
            found["energy_gap"] = float(gap[-max(1, len(gap) // 5) :].mean()) if len(gap) else None
            found["acceptance_rate"] = result.acceptance_rate
            found["warnings"] = " ".join(dict.fromkeys(w.code for w in result.warnings))
            found.update(measure(result.energy))
        except (TrainingError, NonFiniteError, ArithmeticError, UntrustedEstimateError) as error:
            found["error"] = " ".join(str(error).split()) or type(error).__name__
        found["seconds"] = time.perf_counter() - begin
        return found


class _Measure:
    """log-likelihood and nats lost of a fit; what does not depend on the fit is done once."""

    def __init__(self, truth, test, sequence):
        self.truth, self.test = truth, test
        self.entropy = list(sequence.generate_state(4))
        if truth is None:
            return
        if truth.n_features == 1:
            centre = truth.exact_sample(2000, 0)[:, 0] if truth.has_exact_sample else test[:, 0]
            low, high = centre.min(), centre.max()
            reach = high - low
            self.points = np.linspace(low - reach, high + reach, TRUTH_POINTS)[:, None]
            e = truth.energy(self.points)
            mass = np.exp(e.min() - e)
            log_z = math.log(mass.sum() * (self.points[1, 0] - self.points[0, 0])) - e.min()
            self.weights, self.log_p = mass / mass.sum(), -e - log_z
        else:
            if not truth.has_exact_sample:
                raise ValueError(
                    "truth must have exact samples (has_exact_sample) in more than one dimension"
                )
            self.points = truth.exact_sample(TRUTH_SAMPLES, 0)
            self.weights = np.full(TRUTH_SAMPLES, 1.0 / TRUTH_SAMPLES)
            self.log_p = -truth.energy(self.points) - log_partition(truth).value

    def __call__(self, energy):
        log_z = (
            energy.log_partition()
            if energy.has_log_partition
            else log_partition(energy, X=self.test, seed=np.random.SeedSequence(self.entropy)).value
        )
        found = {"log_likelihood": float(-energy.energy(self.test).mean() - log_z), "nats_lost": None}
        if self.truth is not None:
            log_q = -energy.energy(self.points) - log_z
            found["nats_lost"] = float(self.weights @ (self.log_p - log_q))
        return found


class _Store:
    """Finished runs, in memory and in a file of a line each."""

    def __init__(self, path, fingerprint):
        self.done: dict[str, dict] = {}
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
                        f"{path} belongs to a sweep of other data, seed, trainer or test rows; give another path"
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


def _rows(settings, n_draws, sequence):
    # The settings of every run, the names that occur, and the shape of the grid.
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
    values = [_plain(v) for v in given]
    if not values:
        raise ValueError(f"settings[{name!r}] is empty")
    return values


def _drawn(settings, n, sequence):
    rng = np.random.default_rng(np.random.SeedSequence([*map(int, sequence.generate_state(4)), 1]))
    makers = {}
    for name, given in settings.items():
        if hasattr(given, "rvs"):
            makers[name] = lambda given=given: _plain(given.rvs(random_state=rng))
        else:
            values = _values(name, given)
            makers[name] = lambda values=values: values[rng.integers(len(values))]
    return [{name: make() for name, make in makers.items()} for _ in range(n)]


def _changed(trainer, row, i):
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
            if not isinstance(sampler, Sampler):
                raise ValueError("the trainer has no sampler whose arguments could vary; give it one")
            own["sampler"] = sampler.with_arguments(**inner)
        return trainer.replace(**own)
    except (ValueError, TypeError) as error:
        raise type(error)(f"run {i} ({', '.join(f'{k}={v!r}' for k, v in row.items())}): {error}") from None


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def _canonical(value):
    """A value as JSON that tells equal values, and only them, to be equal."""
    value = _plain(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, np.ndarray):
        return ["array", str(value.dtype), list(value.shape), value.tobytes().hex()]
    if isinstance(value, (list, tuple)):
        return [_canonical(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _canonical(v) for k, v in value.items()}
    if isinstance(value, (Energy, Sampler)):
        made = {"type": type(value).__name__, "arguments": _canonical(value._arguments())}
        return made | ({"theta": _canonical(value.theta)} if isinstance(value, Energy) else {})
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _fingerprint(trainer, x, test, truth, words, diagnose):
    text = json.dumps(
        [_canonical(v) for v in (trainer.get_params(), x, test, truth, [int(w) for w in words], diagnose)]
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _column(values):
    # Numbers as numbers; anything else as objects, or as text where all are.
    if all(isinstance(v, (bool, int, float, np.generic)) for v in values):
        return np.array(values)
    if all(isinstance(v, str) for v in values):
        return np.array(values)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
