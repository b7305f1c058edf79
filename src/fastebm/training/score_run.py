"""One run of score matching: the compiled loop and the result."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np

from .._runtime.check import check_size
from .._runtime.control import Control
from .augment import Changes
from .history import History
from .optimiser import Adam, Average, Optimiser, Schedule
from .positive import Positive
from .run import Training
from .score_loop import ScoreLoop
from .score_result import ScoreResult, score_history

REPORTED = (
    "method",
    "noise_std",
    "n_draws",
    "n_updates",
    "learning_rate",
    "optimizer",
    "betas",
    "epsilon",
    "schedule",
    "warm_up",
    "hold",
    "clip_norm",
    "l2",
    "theta_bounds",
    "average",
    "ema",
    "augment",
)
# What a checkpoint says of the trainer that wrote it.
MADE_BY = "ScoreMatching"


class ScoreState(NamedTuple):
    """What a callback sees after an update."""

    update: int
    theta: np.ndarray
    loss: float


class ScoreRun(Training):
    """One run: it advances, is checkpointed and ends as that of the contrastive trainer does."""

    TROUBLE = (
        "the loss, its gradient or theta is not finite; use a smaller learning_rate, a larger noise_std or clip_norm, "
        "or set theta_bounds"
    )
    KEPT = "the last good theta"

    def __init__(self, trainer, x, flat, stream, n_threads=None):
        s = trainer.settings
        check_size(x)
        self.trainer, self.settings, self.x, self.flat, self.writer = trainer, s, x, flat, None
        # A copy: the loop moves its theta.
        self.energy = copy.copy(s.energy)
        self.batch = min(s.batch_size or 256, len(x))
        self.control = Control(None, float(s.n_updates))
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
        self.loop = ScoreLoop(
            self.energy,
            Positive(x, self.batch, Changes(s.augment, np.zeros(x.shape[1]))),
            self.optimiser,
            self.history,
            noise_std=s.noise_std,
            n_draws=s.n_draws,
            n_updates=s.n_updates,
            seed=stream,
            control=self.control,
            n_threads=n_threads,
        )

    def _chosen(self):
        return {"trainer": MADE_BY}

    def _callback_state(self):
        return ScoreState(self.loop.update - 1, self.optimiser.last, self.history.last()[0])

    def result(self):
        s = self.settings
        averaged = s.average > 0 or s.ema is not None
        theta = self.optimiser.average.value(self.optimiser.last) if averaged else self.optimiser.last
        energy = copy.copy(s.energy)
        energy.theta = theta
        trace = self.history.trace(self.optimiser.before)
        return ScoreResult(
            energy=energy,
            theta=theta,
            history=score_history(self.history.numbers(), trace[1] if self.history.full else None),
            settings={**{name: getattr(s, name) for name in REPORTED}, "batch_size": self.batch},
            thinned=None if self.history.full else trace,
        )
