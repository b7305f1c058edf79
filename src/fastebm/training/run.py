"""One run of the trainer: what it takes from the data, the compiled loop, and the result."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np

from .._runtime.check import check_size
from .._runtime.control import Control
from .._runtime.errors import TrainingError, TrainingInterrupted
from .._runtime.progress import bar
from ..energies.well_mixture import WellMixture
from ..mixtures.starts import check_distinct
from ..samplers.mala import MALA
from . import recipes
from ._loop import Loop
from .after_fit import warnings_of
from .checkpoint import Checkpoint, Writer, data_digest
from .replay import ReplayBuffer
from .result import TrainingResult, history_array


class TrainingState(NamedTuple):
    """What a callback sees after an update."""

    update: int
    theta: np.ndarray
    energy_data: float
    energy_model: float


def choose(trainer, x, rng):
    """What a run takes from the data: samplers, the reinitialisation box and the first chains."""
    groups = getattr(trainer.energy, "n_wells", 2)
    check_size(x)
    if isinstance(trainer.energy, WellMixture):
        check_distinct(x, groups)
    sampler = trainer.sampler or MALA(recipes.default_step_size(x, groups, rng))
    global_move = trainer.global_move
    if isinstance(global_move, str):
        persistent = trainer.buffer == "persistent"
        global_move = recipes.default_global_move(x, groups, rng) if persistent else None
    low, high = trainer.reinit_range or (x.min(axis=0), x.max(axis=0))
    low = np.broadcast_to(np.asarray(low, dtype=float), x.shape[1:]).copy()
    high = np.broadcast_to(np.asarray(high, dtype=float), x.shape[1:]).copy()
    chains = _first_chains(trainer, x, low, high, rng)
    return {"sampler": sampler, "global_move": global_move, "low": low, "high": high, "chains": chains}


def _first_chains(trainer, x, low, high, rng):
    n = trainer.n_chains
    if trainer.init == "model" or (trainer.init == "auto" and trainer.weighting == "jarzynski"):
        try:
            return trainer.energy.exact_sample(n, rng)
        except NotImplementedError:
            if trainer.init == "model":
                raise
    if trainer.init == "uniform":
        return rng.uniform(low, high, (n, x.shape[1]))
    return x[rng.choice(len(x), n, replace=n > len(x))]


class Training:
    """One run: the choices made from the data, the compiled loop, and the result."""

    def __init__(self, trainer, x, flat, choices, stream):
        self.trainer, self.x, self.flat = trainer, x, flat
        # A copy: the loop moves its theta.
        self.energy = copy.copy(trainer.energy)
        self.sampler, self.global_move = choices["sampler"], choices["global_move"]
        self.low, self.high, self.chains = choices["low"], choices["high"], choices["chains"]
        self.raw = np.zeros((trainer.n_updates, 3 + self.energy.n_params))
        self.writer = None
        n = trainer.n_chains
        fifo = trainer.buffer == "fifo"
        self.store = np.empty((trainer.buffer_size if fifo else 0, x.shape[1]))
        self.control = Control(None, float(trainer.n_updates))
        self.loop = Loop(
            self.energy,
            self.sampler,
            self.global_move,
            x,
            store=self.store,
            ring=(0, 0),
            chains=self.chains,
            history=self.raw,
            n_updates=trainer.n_updates,
            n_steps=trainer.n_steps,
            global_steps=trainer.n_global,
            batch=min(trainer.batch_size or 256, len(x)),
            learning_rate=trainer.learning_rate,
            optimizer=trainer.optimizer,
            fifo=fifo,
            # The exact share, rounded down: 96 x 0.7 is 67, and 90 x 0.7 is 63 although 90 * 0.7 < 63 in floating
            # point.
            n_replay=int(n * (1.0 - trainer.reinit_prob) + 1e-9),
            reinit_prob=trainer.reinit_prob,
            reinit_low=self.low,
            reinit_high=self.high,
            l2=trainer.l2,
            lower=trainer.theta_bounds[0],
            upper=trainer.theta_bounds[1],
            average_from=int(trainer.n_updates * (1.0 - trainer.average)),
            weighted=trainer.weighting == "jarzynski",
            seed=stream,
            control=self.control,
        )

    def write_to(self, path, every, written=-1):
        """Write a checkpoint now, unless the file is of update `written`, and from now on."""
        kept = {
            "settings": self.trainer._settings(),
            "choices": {
                "sampler": self.sampler,
                "global_move": self.global_move,
                "low": self.low,
                "high": self.high,
            },
            "digest": data_digest(self.x),
            "flat": self.flat,
        }

        def take(every):
            return Checkpoint(state=self.loop.state(), every=every, **kept)

        self.writer = Writer(path, every, take, written)
        self.writer.write(self.loop.update)

    def run(self, progress, callback, diagnose=True):
        total = self.trainer.n_updates
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
            self.trainer.last_result = self.result()
            raise
        finally:
            if display is not None:
                display.close()
        result = self.trainer.last_result = self.result()
        if status == 0:
            if diagnose:
                result.warnings.extend(warnings_of(result, self.x))
            return result
        update = self.loop.update
        kept = f"the last good theta and buffer (after {update} complete updates) are on this error"
        if status > 0:
            raise TrainingError(
                f"update {update}: a chain, an energy, a gradient or theta is not finite; use a smaller step_size or "
                f"learning_rate, or set theta_bounds; {kept}",
                update,
                result,
                self.loop.last_theta,
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

    def _advance_in_parts(self, callback):
        loop, writer, total = self.loop, self.writer, self.trainer.n_updates
        while loop.update < total:
            part = total if writer is None else writer.due(loop.update)
            status = loop.advance(1 if callback is not None else part)
            if status:
                return status
            stop = callback is not None and callback(self._callback_state())
            if writer is not None and loop.update % writer.every == 0:
                writer.write(loop.update)
            if stop:
                break
        return 0

    def _callback_state(self):
        update = self.loop.update - 1
        row = self.raw[update]
        return TrainingState(update, self.loop.last_theta, float(row[0]), float(row[1]))

    def result(self):
        loop, trainer = self.loop, self.trainer
        done = loop.update
        theta = loop.average_theta if trainer.average > 0 else loop.last_theta
        energy = copy.copy(trainer.energy)
        energy.theta = theta
        if trainer.buffer == "fifo":
            buffer = ReplayBuffer._from_ring(self.store, *loop.ring, self.flat)
        else:
            buffer = ReplayBuffer._from_ring(self.chains, 0, len(self.chains), self.flat)
        counts = loop.counts
        return TrainingResult(
            energy=energy,
            theta=theta,
            history=history_array(self.raw[:done], energy.n_params),
            buffer=buffer,
            sampler=self.sampler,
            global_move=self.global_move,
            acceptance_rate=_rate(counts["accepted"], counts["proposed"]),
            global_acceptance_rate=_rate(counts["global_accepted"], counts["global_proposed"]),
            n_clipped=counts["clipped"],
            effective_sample_size=loop.smallest_ess,
            log_weights=loop.weights,
            settings={
                "n_steps": trainer.n_steps,
                "n_global": trainer.n_global,
                "n_chains": trainer.n_chains,
                "batch_size": min(trainer.batch_size or 256, len(self.x)),
                "learning_rate": trainer.learning_rate,
                "optimizer": trainer.optimizer,
                "buffer": trainer.buffer,
                "reinit_prob": trainer.reinit_prob,
                "reinit_range": (self.low, self.high),
                "l2": trainer.l2,
                "theta_bounds": trainer.theta_bounds,
                "average": trainer.average,
                "weighting": trainer.weighting,
            },
        )


def _rate(accepted, proposed):
    return accepted / proposed if proposed else None
