"""One run of the trainer: what it takes from the data, the compiled loop, and the result."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np

from .._runtime.check import check_size
from .._runtime.control import Control
from .._runtime.errors import NonFiniteError, TrainingError, TrainingInterrupted
from .._runtime.progress import bar
from ..mixtures.starts import check_distinct
from ..samplers.cycle import Cycle
from ..samplers.mala import MALA
from . import recipes
from .after_fit import conclude
from .augment import Changes
from .checkpoint import Checkpoint, Writer, data_digest, storable
from .history import History
from .loop import OWN_PURPOSES, Loop, state_size
from .negatives import Fifo, Persistent, Weighted
from .optimiser import Adam, Average, Optimiser, Schedule
from .positive import Positive
from .replay import ReplayBuffer
from .result import TrainingResult, history_array
from .validation import Validation

# What a result tells of its settings.
REPORTED = (
    "n_steps",
    "n_global",
    "n_chains",
    "learning_rate",
    "optimizer",
    "betas",
    "epsilon",
    "schedule",
    "warm_up",
    "hold",
    "clip_norm",
    "buffer",
    "reinit_prob",
    "l2",
    "theta_bounds",
    "average",
    "ema",
    "weighting",
    "data_noise",
    "augment",
    "augment_chains",
)


class TrainingState(NamedTuple):
    """What a callback sees after an update."""

    update: int
    theta: np.ndarray
    energy_data: float
    energy_model: float
    # Where the model's chains are, (n_chains, n_features): a copy.
    chains: np.ndarray


def choose(settings, x, rng):
    """What a run takes from the data: samplers, the reinitialisation box and the first chains."""
    modes = settings.energy.modes
    groups = 2 if modes is None else len(modes)
    check_size(x)
    if modes is not None:
        check_distinct(x, groups)
    sampler = settings.sampler
    if sampler is None or sampler.automatic:
        h = recipes.default_step_size(x, groups, rng, settings.energy.mode_covariances)
        # The energy changes as it learns; the data do not.
        sampler = (sampler or MALA("auto")).tuned_by(
            lambda part: part.with_arguments(step_size=part.step_size_of(h))
        )
    global_move = settings.global_move
    if isinstance(global_move, str):
        persistent = settings.buffer == "persistent"
        global_move = recipes.default_global_move(x, groups, rng) if persistent else None
    low, high = settings.reinit_range or (x.min(axis=0), x.max(axis=0))
    low, high = np.full(x.shape[1], low, dtype=float), np.full(x.shape[1], high, dtype=float)
    chains = _first_chains(settings, x, low, high, rng)
    return {"sampler": sampler, "global_move": global_move, "low": low, "high": high, "chains": chains}


def _first_chains(settings, x, low, high, rng):
    n = settings.n_chains
    if settings.init == "model" or (settings.init == "auto" and settings.weighting == "jarzynski"):
        return settings.energy.exact_sample(n, rng)
    if settings.init == "uniform":
        return rng.uniform(low, high, (n, x.shape[1]))
    return x[rng.choice(len(x), n, replace=n > len(x))]


def _move(settings, sampler, global_move):
    """The moves of an update as one sampler, and which of its tallies are the local sampler's and the global move's."""
    parts = [(sampler, settings.n_steps), (global_move, settings.n_global)]
    parts = [(s, n) if s is not None and n > 0 else None for s, n in parts]
    taken = [p for p in parts if p is not None]
    local = parts[0][0].n_tallies if parts[0] else 0
    return Cycle(taken, reserved=OWN_PURPOSES) if taken else None, local


class Training:
    """One run: the choices made from the data, the compiled loop, and the result."""

    TROUBLE = (
        "a chain, an energy, a gradient or theta is not finite; use a smaller step_size or learning_rate, or set "
        "theta_bounds"
    )
    KEPT = "the last good theta and buffer"
    # What a run of another trainer has not: held-out rows, and an evaluation of them that went wrong.
    validation = unfit = x_val = None

    def __init__(self, trainer, x, flat, choices, stream, n_threads=None):
        self.trainer, self.settings, self.x, self.flat = trainer, trainer.settings, x, flat
        s = self.settings
        # A copy: the loop moves its theta.
        self.energy = copy.copy(s.energy)
        self.sampler, self.global_move = choices["sampler"], choices["global_move"]
        self.choices, self.low, self.high = choices, choices["low"], choices["high"]
        self.n_threads = n_threads
        self.writer = None
        self.batch = min(s.batch_size or 256, len(x))
        self.control = Control(None, float(s.n_updates))
        move, self.n_local = _move(s, self.sampler, self.global_move)
        self.negatives = self._negatives(choices, 0 if move is None else state_size(move, self.energy))
        self.changes = Changes(s.augment, s.data_noise)
        if s.augment_chains > 0:
            self.negatives.change(self.changes, s.augment_chains)
        n_params = self.energy.n_params
        steps = (
            self.energy.theta,
            Schedule(s.learning_rate, s.n_updates, s.schedule, s.warm_up, s.hold),
            Average(n_params, int(s.n_updates * (1.0 - s.average)), s.ema or 0.0),
            s.l2,
            *s.theta_bounds,
            s.clip_norm,
        )
        self.optimiser = Adam(*steps, s.betas, s.epsilon) if s.optimizer == "adam" else Optimiser(*steps)
        self.history = History(s.n_updates, n_params, s.trace_theta)
        self.loop = Loop(
            self.energy,
            move,
            Positive(x, self.batch, self.changes),
            self.negatives,
            self.optimiser,
            self.history,
            n_updates=s.n_updates,
            seed=stream,
            control=self.control,
            n_threads=n_threads,
        )

    def validate_with(self, x_val, seed, patience, every):
        """Evaluate on held-out rows from now on."""
        self.x_val = x_val
        self.validation = Validation(
            x_val, self.x, self.settings, self.choices, self.changes, seed, patience, every, self.n_threads
        )

    def _negatives(self, choices, width):
        s, d = self.settings, self.x.shape[1]
        if s.buffer == "fifo":
            self.chains = np.empty((s.buffer_size, d))
            # The exact share, rounded down: 96 x 0.7 is 67, and 90 x 0.7 is 63 although 90 * 0.7 < 63 in floating
            # point.
            n_replay = int(s.n_chains * (1.0 - s.reinit_prob) + 1e-9)
            return Fifo(s.n_chains, d, width, self.low, self.high, rows=self.chains, n_replay=n_replay)
        # A run that is resumed finds its chains in the state that it restores.
        self.chains = choices.get("chains", np.zeros((s.n_chains, d)))
        if s.weighting == "jarzynski":
            return Weighted(self.chains, width, self.low, self.high)
        return Persistent(self.chains, width, self.low, self.high, reinit_prob=s.reinit_prob)

    def _chosen(self):
        return {
            "sampler": self.sampler,
            "global_move": self.global_move,
            "low": self.low,
            "high": self.high,
        }

    def write_to(self, path, every, written=-1):
        """Write a checkpoint now, unless the file is of update `written`, and from now on."""
        kept = {
            "settings": storable(self.settings.given),
            "choices": self._chosen(),
            "digest": data_digest(self.x),
            "flat": self.flat,
        }

        def take(every):
            validation = None if self.validation is None else self.validation.state()
            return Checkpoint(state=self.loop.state(), every=every, validation=validation, **kept)

        self.writer = Writer(path, every, take, written)
        self.writer.write(self.loop.update)

    def run(self, progress, callback, diagnose=True, strict=False, heard=True):
        total = self.settings.n_updates
        display = bar(progress, total, "training", "update")
        self.control.bar = display
        try:
            status = self._advance(callback)
            # After a status above 0 the file keeps the last regular checkpoint.
            if self.writer is not None and status <= 0:
                self.writer.write(self.loop.update)
        except KeyboardInterrupt as interrupt:
            # It came in Python code, between two updates: while the last checkpoint was written, most likely.
            status, self.control.failure = -1, interrupt
        except OSError:
            self._keep(self.result())
            raise
        finally:
            if display is not None:
                display.close()
        update, v = self.loop.update, self.validation
        if status == 0 and v is not None and not v.stopped and v.last != update:
            # Stopped by the callback: what is returned is judged too, but a run that is resumed knows nothing of it.
            self.validation = copy.copy(v)
            status = self._evaluate()
        result = self._keep(self.result())
        if status == 0:
            return conclude(result, self.x, diagnose, strict, heard, self.x_val)
        kept = f"{self.KEPT} (after {update} complete updates) are on this error"
        if self.unfit is not None:
            raise TrainingError(
                f"evaluation after update {update}: {self.unfit}; {kept}", update, result, self.optimiser.last
            ) from None
        if status > 0:
            raise TrainingError(
                f"update {update}: {self.TROUBLE}; {kept}",
                update,
                result,
                self.optimiser.last,
            )
        failure = self.control.failure
        if isinstance(failure, KeyboardInterrupt):
            raise TrainingInterrupted(f"interrupted in update {update}; {kept}", result) from None
        if failure is not None:
            raise failure
        self.energy.raise_failure()

    def _advance(self, callback):
        try:
            return self._advance_in_parts(callback)
        except KeyboardInterrupt as error:
            # It came in Python code, between two updates: in the callback or while a checkpoint was written.
            self.control.failure = error
            return -1

    def _evaluate(self):
        try:
            self.validation.evaluate(self.loop.update, self._theta())
        except NonFiniteError as error:
            self.unfit = error
            return 1
        return 0

    def _advance_in_parts(self, callback):
        loop, writer, total = self.loop, self.writer, self.settings.n_updates
        v = self.validation
        while True:
            if v is not None and not v.stopped and v.due_in(loop.update) == 0 and self._evaluate():
                return 1
            if loop.update >= total or (v is not None and v.stopped):
                return 0
            part = total if writer is None else writer.due(loop.update)
            if v is not None:
                part = min(part, v.due_in(loop.update))
            status = loop.advance(1 if callback is not None else part)
            if status:
                return status
            stop = callback is not None and callback(self._callback_state())
            if writer is not None and loop.update % writer.every == 0:
                writer.write(loop.update)
            if stop:
                return 0

    def _callback_state(self):
        return TrainingState(
            self.loop.update - 1, self.optimiser.last, *self.history.last(), self._last_chains()
        )

    def _last_chains(self):
        if self.settings.buffer != "fifo":
            return self.chains.copy()
        n, ring = min(self.settings.n_chains, self.negatives.ring_size), self.negatives
        return self.chains[(ring.ring_start + ring.ring_size - n + np.arange(n)) % max(len(self.chains), 1)]

    def _keep(self, result):
        object.__setattr__(self.trainer, "_last_result", result)
        return result

    def _rate(self, counts):
        proposed = sum(c["proposed"] for c in counts)
        return sum(c["accepted"] for c in counts) / proposed if proposed else None

    def _theta(self):
        """What the run would return if it ended here."""
        averaged = self.settings.average > 0 or self.settings.ema is not None
        return self.optimiser.average.value(self.optimiser.last) if averaged else self.optimiser.last

    def result(self):
        s, counts, v = self.settings, self.loop.counts, self.validation
        # Before the second evaluation there is none to choose from.
        best = None if v is None or len(v.found.rows) < 2 else v.found
        theta = self._theta() if best is None else best.best_theta
        energy = copy.copy(s.energy)
        energy.theta = theta
        if s.buffer == "fifo":
            ring = (self.negatives.ring_start, self.negatives.ring_size)
        else:
            ring = (0, s.n_chains)
        trace = self.history.trace(self.optimiser.before)
        return TrainingResult(
            energy=energy,
            theta=theta,
            history=history_array(self.history.numbers(), trace[1] if self.history.full else None),
            buffer=ReplayBuffer._from_ring(self.chains, *ring, self.flat),
            sampler=self.sampler,
            global_move=self.global_move,
            acceptance_rate=self._rate(counts[: self.n_local]),
            global_acceptance_rate=self._rate(counts[self.n_local :]),
            n_clipped=sum(c["clipped"] for c in counts[: self.n_local]),
            effective_sample_size=getattr(self.negatives, "smallest_ess", 1.0),
            log_weights=self.negatives.log_weights,
            settings={
                **{name: getattr(s, name) for name in REPORTED},
                "batch_size": self.batch,
                "reinit_range": (self.low, self.high),
            },
            thinned=None if self.history.full else trace,
            validation=None if v is None else v.table(),
            best_update=None if best is None else best.best_update,
        )
