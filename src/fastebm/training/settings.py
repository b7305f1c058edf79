"""What a trainer is told: one frozen, validated object."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from .._runtime.check import choice, describe, first_bad, integer, interval, numeric, real
from ..energies.base import Energy, as_energy
from ..samplers.base import Sampler, as_sampler
from .augment import Augmentation, per_feature

# Where a parameter without a bound ends.
FAR = np.finfo(float).max
WEIGHTED_EXACT = "weighting='jarzynski' needs samplers that leave exp(-E) invariant: "


@dataclass(frozen=True, eq=False)
class Settings:
    """Arguments of `ContrastiveDivergence`, checked together; what each means is said there.

    After construction every attribute has its final form: arrays of shape (n_params,) for `l2` and both ends of
    `theta_bounds`, a number for `buffer_size`.
    """

    energy: Energy
    sampler: Sampler | None = None
    n_updates: int = field(default=800, kw_only=True)
    n_steps: int = field(default=5, kw_only=True)
    batch_size: int | None = field(default=None, kw_only=True)
    n_chains: int = field(default=256, kw_only=True)
    learning_rate: float = field(default=0.1, kw_only=True)
    optimizer: str = field(default="sgd", kw_only=True)
    betas: tuple[float, float] = field(default=(0.9, 0.999), kw_only=True)
    epsilon: float = field(default=1e-8, kw_only=True)
    schedule: str = field(default="constant", kw_only=True)
    warm_up: int = field(default=0, kw_only=True)
    hold: float = field(default=0.0, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)
    buffer: str = field(default="persistent", kw_only=True)
    buffer_size: int | None = field(default=None, kw_only=True)
    reinit_prob: float = field(default=0.0, kw_only=True)
    reinit_range: tuple[float, float] | None = field(default=None, kw_only=True)
    l2: float | np.ndarray | dict = field(default=0.0, kw_only=True)
    theta_bounds: tuple | None = field(default=None, kw_only=True)
    average: float = field(default=0.5, kw_only=True)
    ema: float | None = field(default=None, kw_only=True)
    init: str = field(default="auto", kw_only=True)
    global_move: Sampler | str | None = field(default="auto", kw_only=True)
    n_global: int = field(default=1, kw_only=True)
    weighting: str = field(default="none", kw_only=True)
    trace_theta: bool | str = field(default="auto", kw_only=True)
    data_noise: float | np.ndarray = field(default=0.0, kw_only=True)
    augment: object = field(default=None, kw_only=True)
    augment_chains: float = field(default=0.0, kw_only=True)

    def __post_init__(self):
        object.__setattr__(self, "_given", {f.name: getattr(self, f.name) for f in fields(self)})
        energy = as_energy(self.energy)
        if not energy.has_param_grad:
            raise ValueError(
                f"energy {energy!r} has no parameters to train"
                + ("" if energy.n_params == 0 else ": it has no gradient in theta")
            )
        if not energy.has_density and getattr(self.sampler, "bounds", None) is None:
            raise ValueError(
                f"energy {energy!r} has no density: exp(-E) need not have a finite integral, and chains would leave "
                "for ever; give base=, such as fastebm.Gaussian.fit(X) or a fastebm.Box, or a sampler with bounds"
            )
        for name in ("sampler", "global_move"):
            value = getattr(self, name)
            if value is not None and (name, value) != ("global_move", "auto"):
                as_sampler(value, name).check_for(energy)
        checked = {
            "n_updates": integer(self.n_updates, "n_updates", 0, 2**40 - 1),
            "n_steps": integer(self.n_steps, "n_steps", 0, 2**30),
            "batch_size": None if self.batch_size is None else integer(self.batch_size, "batch_size", 1),
            "n_chains": integer(self.n_chains, "n_chains", 1),
            "learning_rate": real(self.learning_rate, "learning_rate", above=0),
            "optimizer": choice(self.optimizer, "optimizer", ("sgd", "adam")),
            "schedule": choice(self.schedule, "schedule", ("constant", "linear", "cosine")),
            "betas": _betas(self.betas),
            "epsilon": real(self.epsilon, "epsilon", above=0),
            "warm_up": integer(self.warm_up, "warm_up", 0, 2**40 - 1),
            "hold": real(self.hold, "hold", minimum=0, maximum=1),
            "clip_norm": None if self.clip_norm is None else real(self.clip_norm, "clip_norm", above=0),
            "buffer": choice(self.buffer, "buffer", ("persistent", "fifo")),
            "buffer_size": 14000 if self.buffer_size is None else integer(self.buffer_size, "buffer_size", 0),
            "reinit_prob": real(self.reinit_prob, "reinit_prob", minimum=0, maximum=1),
            "reinit_range": interval(self.reinit_range, "reinit_range"),
            "l2": _penalty(self.l2, energy),
            "theta_bounds": _bounds(self.theta_bounds, energy.n_params),
            "average": real(self.average, "average", minimum=0, maximum=1),
            "ema": None if self.ema is None else real(self.ema, "ema", above=0, below=1),
            "init": choice(self.init, "init", ("auto", "data", "uniform", "model")),
            "n_global": integer(self.n_global, "n_global", 0, 2**30),
            "weighting": choice(self.weighting, "weighting", ("none", "jarzynski")),
            "data_noise": per_feature(self.data_noise, "data_noise", energy.n_features),
            "augment": _augmentations(self.augment, energy.n_features),
            "augment_chains": real(self.augment_chains, "augment_chains", minimum=0, maximum=1),
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
        if self.augment_chains > 0 and not self.augment:
            raise ValueError(
                f"augment_chains={self.augment_chains:g} needs augment=: what is to be done to them"
            )
        if self.weighting == "jarzynski":
            self._check_weighted()

    def _check_weighted(self):
        if self.buffer != "persistent" or self.reinit_prob > 0 or self.augment_chains > 0:
            raise ValueError(
                "weighting='jarzynski' needs buffer='persistent', reinit_prob=0 and augment_chains=0: a weight "
                "belongs to a chain"
            )
        for name in ("sampler", "global_move"):
            value = getattr(self, name)
            if value is None or isinstance(value, str) or value.exact_at == 1.0:
                continue
            if value.exact_at is None:
                raise ValueError(
                    WEIGHTED_EXACT
                    + f"{name}={value!r} has no accept step or is cut off by bounds; use MALA without "
                    "bounds, IndependenceMH or MixtureMH"
                )
            raise ValueError(
                WEIGHTED_EXACT + f"{name}={value!r} is exact at temperature {value.exact_at:g}, not at 1"
            )
        if self.init == "auto" and not self.energy.has_exact_sample:
            raise ValueError(
                f"weighting='jarzynski' needs chains that follow the starting energy, and {describe(self.energy)} has "
                "no exact_sample to start them; choose weighting='none', or give init='data' or init='uniform' if "
                "chains that start there are known to follow it"
            )

    @property
    def given(self) -> dict:
        """The arguments as they were given, defaults included."""
        return dict(self._given)  # type: ignore[attr-defined]


def _per_param(value, n_params, name):
    array = numeric(value, name)
    if array.ndim and array.shape != (n_params,):
        raise ValueError(f"{name} must be a number or have shape ({n_params},), got {array.shape}")
    first_bad(np.atleast_1d(array), name)
    return np.broadcast_to(array, (n_params,)).copy()


def _bounds(value, n_params):
    if value is None:
        edge = np.full(n_params, FAR)
        return -edge, edge
    try:
        low, high = value
    except (TypeError, ValueError):
        raise ValueError(f"theta_bounds must be a pair (low, high) or None, got {describe(value)}") from None
    low, high = _per_param(low, n_params, "theta_bounds[0]"), _per_param(high, n_params, "theta_bounds[1]")
    if not (low <= high).all():
        raise ValueError(f"theta_bounds are reversed: low {describe(low)} is above high {describe(high)}")
    return low, high


def _penalty(value, energy):
    """One weight for all, an array of them, or {beginning of a parameter's name: weight}."""
    if not isinstance(value, dict):
        return _per_param(value, energy.n_params, "l2")
    names = energy.param_names
    weights = np.zeros(energy.n_params)
    # The longest prefix of a name wins.
    for prefix in sorted(value, key=lambda key: len(str(key))):
        if not isinstance(prefix, str):
            raise TypeError(f"l2 must have names of parameters, or their beginnings, as keys, got {prefix!r}")
        weight = real(value[prefix], f"l2[{prefix!r}]")
        chosen = [name.startswith(prefix) for name in names]
        if not any(chosen):
            raise ValueError(
                f"l2[{prefix!r}]: no parameter has a name that begins with it; names are {describe(names)}"
            )
        weights[chosen] = weight
    return weights


def _betas(value):
    try:
        first, second = value
    except (TypeError, ValueError):
        raise ValueError(f"betas must be a pair of numbers, got {describe(value)}") from None
    return real(first, "betas[0]", minimum=0, below=1), real(second, "betas[1]", minimum=0, below=1)


def _augmentations(value, n_features):
    parts = () if value is None else tuple(value) if isinstance(value, list | tuple) else (value,)
    for i, part in enumerate(parts):
        if not (isinstance(part, Augmentation) or callable(part)):
            raise TypeError(
                f"augment[{i}] must be fastebm.Noise, Shift, Flip, Crop or a function (X, rng) -> X, got "
                f"{describe(part)}"
            )
        if isinstance(part, Augmentation) and part.n_features not in (0, n_features):
            raise ValueError(
                f"augment[{i}]={part!r} is for rows of {part.n_features} numbers, and the energy has "
                f"n_features={n_features}"
            )
    return parts
