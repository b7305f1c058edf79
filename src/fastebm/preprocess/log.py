"""The logarithm of the distance from a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .transform import Transform


@dataclass(frozen=True)
class Log(Transform):
    """z = log(x - bound), for columns that are spread over factors rather than over differences.

    Attributes
    ----------
    bound : float
        The support is x > bound.
    """

    bound: float = 0.0
    kind: ClassVar[str] = "log"

    @property
    def low(self):
        return self.bound

    def forward(self, x):
        return np.log(x - self.bound)

    def inverse(self, z):
        return self.bound + np.exp(z)

    def log_slope(self, x):
        return -np.log(x - self.bound)

    def log_slope_grad(self, x):
        return -1.0 / (x - self.bound)

    def __str__(self):
        return f"log(x {-self.bound:+g})" if self.bound else "log(x)"
