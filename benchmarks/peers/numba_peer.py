"""Numba: compiled loops with a hand gradient. Compilation is not timed.

Tried, two wells, ns per chain-step: normals drawn inside the step loop with ``np.random.standard_normal``
50-54, with a ``Generator`` 22-28; noise loop split from step loop over blocks of 256 chains 11-13 (the best);
a vectorised xoshiro256+ with Box-Muller 22-24 (log and cos stay calls into the C library: the PyPI build has
no SVML). ``fastmath=True`` is worth about 12 % and is on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from workloads import Training, Workload

from .base import Peer

# What only AVX-512 has: 512-bit registers, registers 16 to 31, mask registers.
_WIDE = re.compile(r"%zmm|%[xy]mm(1[6-9]|2\d|3[01])|%k[0-7]")


class NumbaPeer(Peer):
    packages = ("numba",)
    libraries: ClassVar[tuple[str, ...]] = ("Numba",)
    compiles = True

    def instruction_set(self) -> tuple[str, bool]:
        from . import _numba_kernels as kernels

        # A small run of the kernel that vectorises, for the code that its compiler makes here.
        rng = np.random.Generator(np.random.SFC64(1))
        kernels.two_wells_split(np.zeros(8), rng, (1.0,) * 7, 1, 0.1, 0.1)
        wide = any(_WIDE.search(code) for code in kernels.two_wells_split.inspect_asm().values())
        return f"machine code {'with' if wide else 'without'} AVX-512 registers", wide


class NumbaPlain(NumbaPeer):
    """The usual form: one loop over chains, one over steps, ``np.random.standard_normal`` inside."""

    label = "Numba"

    def supports(self, work: Workload) -> bool:
        return work.two_wells and work.n_threads == 1

    def prepare(self, work: Workload) -> Callable[[], np.ndarray]:
        from . import _numba_kernels as kernels

        start, args = work.x0()[:, 0].copy(), (work.n_steps, work.step_size, work.noise_std)
        constants = work.wells.two_well_constants()
        return lambda: kernels.two_wells_plain(start, constants, *args)


class NumbaSplit(NumbaPeer):
    """The best form we found: noise for a block first, then the step, normals from NumPy's own ziggurat."""

    label = "Numba (split loops)"

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
