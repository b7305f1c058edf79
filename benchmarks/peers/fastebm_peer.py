"""fastebm itself. The level is chosen by FASTEBM_ISA in the worker's environment."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, ClassVar

import levels
import numpy as np
from workloads import Fit, Training, Workload

from .base import Peer


class Fastebm(Peer):
    label = "fastebm"
    packages: ClassVar[tuple[str, ...]] = ("fastebm",)

    def instruction_set(self) -> tuple[str, bool]:
        return _instruction_set()

    def prepare(self, work: Workload) -> Callable[[], np.ndarray]:
        import fastebm as fe

        energy = fe.WellMixture(work.n_wells, work.n_features, work.wells.theta)
        sampler = fe.SGLD(work.step_size, noise_std=work.noise_std)
        start = work.x0()
        return lambda: sampler.sample(energy, start, work.n_steps, seed=1, n_threads=work.n_threads)

    def prepare_training(self, work: Training) -> Callable[[], np.ndarray]:
        import fastebm as fe

        energy = fe.WellMixture(2, 1, work.theta0)
        data = work.data()
        trainer = notebook_trainer(fe, energy, work)
        # No peer checks its own result.
        return lambda: np.asarray(trainer.fit(data, seed=31, diagnose=False).theta)

    def prepare_fit(self, work: Fit) -> Callable[[], np.ndarray]:
        import fastebm as fe

        x = work.data()

        def run() -> np.ndarray:
            trainer = fe.ContrastiveDivergence(fe.initial_wells(x, 2, seed=0))
            return np.asarray(trainer.fit(x, seed=1, diagnose=work.diagnose).theta)

        return run


def _instruction_set() -> tuple[str, bool]:
    import fastebm as fe

    isa = str(fe.info()["isa"])
    return isa, isa == levels.AVX512


def notebook_trainer(fe: Any, energy: Any, work: Training) -> Any:
    """The one place that knows how fastebm spells the notebook's recipe."""
    return fe.ContrastiveDivergence.notebook(energy, n_updates=work.n_updates)


class FastebmNotebook(Peer):
    """The drop-in module: the notebook's own functions, drawing from Python's ``random`` as it does."""

    label = "fastebm.notebook (drop-in)"
    packages: ClassVar[tuple[str, ...]] = ("fastebm",)

    def instruction_set(self) -> tuple[str, bool]:
        return _instruction_set()

    def supports(self, work: Workload) -> bool:
        return work.two_wells and work.n_threads == 1

    def prepare(self, work: Workload) -> Callable[[], list[float]]:
        from fastebm import notebook

        theta, start = work.wells.theta.tolist(), work.x0()[:, 0].tolist()
        return lambda: notebook.sgld_samples(theta, start, work.n_steps, work.step_size, work.noise_std)

    def prepare_training(self, work: Training) -> Callable[[], list[float]]:
        from fastebm import notebook

        data = work.data().tolist()

        def run() -> list[float]:
            random.seed(31)
            return notebook.train_ebm(work.theta0, data, steps=work.n_updates - 1)[0]

        return run
