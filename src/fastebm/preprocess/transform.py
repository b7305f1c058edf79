"""What every transform of a column can do; `Plain` is the one that does nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np


@dataclass(frozen=True)
class Transform:
    """A column x mapped onto the whole line by a smooth increasing function z(x), and back.

    Onto the whole line: a density in z then gives one in x whose integral over the support is 1, and samples of it are
    inside the support.

    Attributes
    ----------
    kind : str
        Its name in files and messages.
    n_free : int
        Parameters that were fitted to the data.
    """

    kind: ClassVar[str] = ""
    n_free: ClassVar[int] = 0

    @property
    def low(self) -> float:
        """Lower end of the support, not part of it, in units of x."""
        return -math.inf

    def forward(self, x: np.ndarray) -> np.ndarray:
        """z(x), for x inside the support."""
        raise NotImplementedError

    def inverse(self, z: np.ndarray) -> np.ndarray:
        """x(z)."""
        raise NotImplementedError

    def log_slope(self, x: np.ndarray) -> np.ndarray:
        """log(dz/dx): what the log-density per unit of x has more than that per unit of z."""
        raise NotImplementedError

    def log_slope_grad(self, x: np.ndarray) -> np.ndarray:
        """Derivative of log_slope in x."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.kind


@dataclass(frozen=True)
class Plain(Transform):
    """z = x."""

    kind: ClassVar[str] = "none"

    def forward(self, x):
        return x

    def inverse(self, z):
        return z

    def log_slope(self, x):
        return np.zeros_like(x)

    def log_slope_grad(self, x):
        return np.zeros_like(x)

    def __str__(self):
        return "as it is"
