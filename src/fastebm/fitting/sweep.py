"""Many trainings with other settings: steps, noise and replay ratio must be tuned together."""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from dataclasses import dataclass

import numpy as np

from .._runtime import html
from .._runtime.check import integer, samples
from .._runtime.errors import NonFiniteError, TrainingError
from .._runtime.progress import bar
from .._runtime.seed import seed_sequence
from .._runtime.threads import each, resolve
from ..energies.base import as_energy
from ..partition.log_partition import UntrustedEstimateError, log_partition
from .sweep_settings import MOST_RUNS, canonical, changed, plain, rows_of
from .sweep_store import Store, fingerprint

# Exact samples of a truth in more than one dimension, and points of the grid in one.
TRUTH_SAMPLES, TRUTH_POINTS = 20_000, 4001
# Columns that every table has, behind those of the settings.
MEASURED = ("log_likelihood", "nats_lost", "acceptance_rate", "energy_gap", "seconds")


@dataclass(frozen=True, eq=False)
class SweepResult(html.Shown):
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

    Examples
    --------
    >>> import fastebm as fe
    >>> X = fe.datasets.two_normals(500, seed=1)
    >>> trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=50)
    >>> result = fe.sweep(trainer, X, {"n_steps": [1, 5]}, seed=1, diagnose=False)
    >>> result.names, result.shape, len(result.table["log_likelihood"])
    (('n_steps',), (2, 1), 2)
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
        return {name: plain(self.table[name][row]) for name in self.names}

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

    def _html(self) -> str:
        rows = [("runs", len(self)), ("settings", ", ".join(self.names))]
        rows += [("without a result", int((self.table["error"] != "").sum()))]
        columns = [*self.names, "log_likelihood", "nats_lost", "warnings"]
        value = self.table["nats_lost"]
        value = value if np.isfinite(value).any() else -self.table["log_likelihood"]
        order = np.argsort(np.where(np.isfinite(value), value, np.inf), kind="stable")[:10]
        best = [(i + 1, *(plain(self.table[c][row]) for c in columns)) for i, row in enumerate(order)]
        return html.card("SweepResult", rows, html.table(best, ("best first", *columns)))


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
    rows, names, shape = rows_of(settings, n_draws, sequence)
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
        _Run(changed(trainer, row, i), row, repeat) for i, row in enumerate(rows) for repeat in range(repeats)
    ]
    measure = _Measure(truth, test, sequence)
    words = list(sequence.generate_state(4))
    store = Store(path, fingerprint(trainer, x, test, truth, words, diagnose))
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
        text = json.dumps([sorted((k, canonical(v)) for k, v in row.items()), repeat])
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


def _column(values):
    # Numbers as numbers; anything else as objects, or as text where all are.
    if all(isinstance(v, (bool, int, float, np.generic)) for v in values):
        return np.array(values)
    if all(isinstance(v, str) for v in values):
        return np.array(values)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
