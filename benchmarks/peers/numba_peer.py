"""Numba: compiled loops with a hand gradient. Compilation is not timed.

Tried, two wells, ns per chain-step: normals drawn inside the step loop with ``np.random.standard_normal``
50-54, with a ``Generator`` 22-28; noise loop split from step loop over blocks of 256 chains 11-13 (the best);
a vectorised xoshiro256+ with Box-Muller 22-24 (log and cos stay calls into the C library: the PyPI build has
no SVML). ``fastmath=True`` is worth about 12 % and is on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from workloads import Training, Workload

from .base import Peer


class NumbaPlain(Peer):
    """The usual form: one loop over chains, one over steps, ``np.random.standard_normal`` inside."""

    label = "Numba"
    packages = ("numba",)
    compiles = True

    def supports(self, work: Workload) -> bool:
        return work.two_wells and work.n_threads == 1

    def prepare(self, work: Workload) -> Callable[[], np.ndarray]:
        from . import _numba_kernels as kernels

        start, args = work.x0()[:, 0].copy(), (work.n_steps, work.step_size, work.noise_std)
        constants = work.wells.two_well_constants()
        return lambda: kernels.two_wells_plain(start, constants, *args)


class NumbaSplit(Peer):
    """The best form we found: noise for a block first, then the step, normals from NumPy's own ziggurat."""

    label = "Numba (split loops)"
    packages = ("numba",)
    compiles = True

    def prepare(self, work: Workload) -> Callable[[], np.ndarray]:
        from . import _numba_kernels as kernels

        args = (work.n_steps, work.step_size, work.noise_std)
        rngs = [np.random.Generator(np.random.SFC64([1, t])) for t in range(work.n_threads)]
        if work.n_threads > 1:
            start = work.x0()[:, 0].copy()
            return lambda: kernels.threaded(
                kernels.two_wells_split, start, rngs, work.wells.two_well_constants(), args
            )
        if work.two_wells:
            start, constants = work.x0()[:, 0].copy(), work.wells.two_well_constants()
            return lambda: kernels.two_wells_split(start, rngs[0], constants, *args)
        start, wells = work.x0(), work.wells
        return lambda: kernels.wells_split(start, rngs[0], wells.a, wells.m, wells.k, *args)

    def prepare_training(self, work: Training) -> Callable[[], np.ndarray]:
        from . import _numba_kernels as kernels

        data, theta0, limits = work.data(), np.array(work.theta0), np.array(work.theta_limits)
        decay = 2.0 * work.l2 * np.array([1.0, 0.0, 0.2, 1.0, 0.0, 0.2, 0.0])
        counts = (work.n_updates, work.batch_size, work.n_steps, work.n_replay, work.buffer_size)
        reals = (work.step_size, work.noise_std, work.learning_rate, work.init_range, work.state_bound)

        def run() -> np.ndarray:
            rng = np.random.Generator(np.random.SFC64(31))
            return kernels.train(data, rng, theta0, limits, decay, counts, reals)

        return run
