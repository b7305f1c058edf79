"""Near a bound a logarithm, far from it nothing: for non-negative columns that are not skewed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .transform import Transform


@dataclass(frozen=True)
class Softplus(Transform):
    """x = bound + scale log(1 + exp(z / scale)), so z = scale log(exp((x - bound) / scale) - 1).

    Attributes
    ----------
    bound : float
        The support is x > bound.
    scale : float
        Distance from the bound, in units of x, beyond which z is x - bound but for exponentially small parts.
    """

    bound: float = 0.0
    scale: float = 1.0
    kind: ClassVar[str] = "softplus"
    n_free: ClassVar[int] = 1

    @property
    def low(self):
        return self.bound

    def forward(self, x):
        u = x - self.bound
        # log(exp(v) - 1) = v + log(1 - exp(-v)), which never overflows.
        return u + self.scale * np.log(-np.expm1(-u / self.scale))

    def inverse(self, z):
        return self.bound + self.scale * np.logaddexp(0.0, z / self.scale)

    def log_slope(self, x):
        return -np.log(-np.expm1(-(x - self.bound) / self.scale))

    def log_slope_grad(self, x):
        v = (x - self.bound) / self.scale
        # 1 / (exp(v) - 1), without overflow.
        return np.exp(-v) / np.expm1(-v) / self.scale

    def __str__(self):
        return f"softplus of scale {self.scale:.3g} above {self.bound:g}"
