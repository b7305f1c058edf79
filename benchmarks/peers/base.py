"""The interface every peer implements."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from workloads import Fit, Training, Workload


class Peer(ABC):
    """One implementation of the workloads.

    ``prepare`` does everything that may be done once (constants, buffers, compilation); the callable it
    returns does the work once and returns the final states in the peer's own layout.
    ``to_numpy`` is not timed.
    """

    label: str
    dtype: str = "float64"
    packages: ClassVar[tuple[str, ...]] = ()
    compiles: bool = False  # the first run is no measure of the next
    max_chain_steps: int | None = None  # a slow peer is timed on fewer chains
    libraries: ClassVar[tuple[str, ...]] = ()  # of levels.SWITCHES; those whose speed is measured

    def available(self) -> bool:
        return all(importlib.util.find_spec(p) is not None for p in self.packages)

    def versions(self) -> dict[str, str]:
        return {p: importlib.metadata.version(p) for p in self.packages}

    def instruction_set(self) -> tuple[str, bool]:
        """What the library says it uses, and whether that is more than AVX2."""
        return "", False

    def supports(self, work: Workload) -> bool:
        return True

    @abstractmethod
    def prepare(self, work: Workload) -> Callable[[], Any]:
        """Return a callable that runs ``work`` once, warm."""

    def to_numpy(self, result: Any, work: Workload) -> np.ndarray:
        """Final states as ``(n_chains, n_features)``."""
        return np.asarray(result, dtype=np.float64).reshape(work.n_chains, work.n_features)

    def prepare_training(self, work: Training) -> Callable[[], Any] | None:
        """Return a callable that trains once and returns theta, or None where this peer has no such thing."""
        return None

    def prepare_fit(self, work: Fit) -> Callable[[], Any] | None:
        """Return a callable that runs the default fit and returns theta: fastebm only."""
        return None

    def prepare_network(self, work: Any) -> Callable[[], Any] | None:
        """The same for `network_work.NetworkWork`: returns states (n_chains, n_features)."""
        return None

    def prepare_network_training(self, work: Any) -> Callable[[], Any] | None:
        """The same for `network_work.NetworkTraining`: fastebm only."""
        return None
