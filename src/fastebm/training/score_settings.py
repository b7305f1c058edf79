"""What score matching is told: one frozen, validated object."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from .._runtime.check import choice, describe, integer, real
from ..energies.base import Energy, as_energy
from .settings import _augmentations, _betas, _bounds, _penalty


@dataclass(frozen=True, eq=False)
class ScoreSettings:
    """Arguments of `ScoreMatching`, checked together; what each means is said there."""

    energy: Energy
    method: str = field(default="denoising", kw_only=True)
    noise_std: float | None = field(default=None, kw_only=True)
    n_draws: int | None = field(default=None, kw_only=True)
    n_updates: int = field(default=2000, kw_only=True)
    batch_size: int | None = field(default=None, kw_only=True)
    learning_rate: float = field(default=0.02, kw_only=True)
    optimizer: str = field(default="adam", kw_only=True)
    betas: tuple[float, float] = field(default=(0.9, 0.999), kw_only=True)
    epsilon: float = field(default=1e-8, kw_only=True)
    schedule: str = field(default="constant", kw_only=True)
    warm_up: int = field(default=0, kw_only=True)
    hold: float = field(default=0.0, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    l2: float | np.ndarray | dict = field(default=0.0, kw_only=True)
    theta_bounds: tuple | None = field(default=None, kw_only=True)
    average: float = field(default=0.5, kw_only=True)
    ema: float | None = field(default=None, kw_only=True)
    trace_theta: bool | str = field(default="auto", kw_only=True)
    augment: object = field(default=None, kw_only=True)

    def __post_init__(self):
        object.__setattr__(self, "_given", {f.name: getattr(self, f.name) for f in fields(self)})
        energy = as_energy(self.energy)
        if not energy.has_param_grad:
            raise ValueError(
                f"energy {energy!r} has no parameters to train"
                + ("" if energy.n_params == 0 else ": it has no gradient in theta")
            )
        if energy.has_walls:
            raise ValueError(
                f"energy {describe(energy)} has walls, and score matching needs a density that is smooth and nowhere "
                "zero: it would not see the mass that a wall cuts off; use ContrastiveDivergence"
            )
        method = choice(self.method, "method", ("denoising", "sliced"))
        if method == "sliced" and self.noise_std is not None:
            raise ValueError(
                f"noise_std={describe(self.noise_std)} belongs to method='denoising'; slices need none, leave it out"
            )
        if method == "denoising" and self.noise_std is None:
            raise ValueError(
                "method='denoising' needs noise_std, the standard deviation of the noise on the data, in their units: "
                "a tenth to a half of the smallest width that matters; or choose method='sliced'"
            )
        draws = 2 if method == "denoising" else 1
        checked = {
            "noise_std": 0.0 if method == "sliced" else real(self.noise_std, "noise_std", above=0),
            "n_draws": draws if self.n_draws is None else integer(self.n_draws, "n_draws", 1, 2**20),
            "n_updates": integer(self.n_updates, "n_updates", 0, 2**40 - 1),
            "batch_size": None if self.batch_size is None else integer(self.batch_size, "batch_size", 1),
            "learning_rate": real(self.learning_rate, "learning_rate", above=0),
            "optimizer": choice(self.optimizer, "optimizer", ("sgd", "adam")),
            "schedule": choice(self.schedule, "schedule", ("constant", "linear", "cosine")),
            "betas": _betas(self.betas),
            "epsilon": real(self.epsilon, "epsilon", above=0),
            "hold": real(self.hold, "hold", minimum=0, maximum=1),
            "augment": _augmentations(self.augment, energy.n_features),
            "warm_up": integer(self.warm_up, "warm_up", 0, 2**40 - 1),
            "clip_norm": None if self.clip_norm is None else real(self.clip_norm, "clip_norm", above=0),
            "l2": _penalty(self.l2, energy),
            "theta_bounds": _bounds(self.theta_bounds, energy.n_params),
            "average": real(self.average, "average", minimum=0, maximum=1),
            "ema": None if self.ema is None else real(self.ema, "ema", above=0, below=1),
        }
        if not (isinstance(self.trace_theta, (bool, np.bool_)) or self.trace_theta == "auto"):
            raise ValueError(f"trace_theta must be True, False or 'auto', got {describe(self.trace_theta)}")
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if (self.l2 < 0).any():
            raise ValueError(f"l2 must not be negative, got {describe(self._given['l2'])}")
        if self.hold > 0 and self.schedule == "constant":
            raise ValueError(
                f"hold={self.hold:g} says when the learning rate begins to fall, but schedule='constant' never lets "
                "it; give schedule='linear' or 'cosine'"
            )
        if self.n_updates * self.n_draws >= 2**40:
            # Of a random number's counter, 40 bits are for the draw.
            raise ValueError(f"n_updates * n_draws must be below 2^40, got {self.n_updates} * {self.n_draws}")

    @property
    def given(self) -> dict:
        """The arguments as they were given, defaults included."""
        return dict(self._given)  # type: ignore[attr-defined]
