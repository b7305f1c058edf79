"""Is the noise that of the temperature the chains are meant to have?"""

from __future__ import annotations

import math

import numpy as np

from ..samplers.base import Sampler
from .diagnostic import Diagnostic
from .population import Population

# Before a run: largest |T - 1|.
MAX_OFF = 0.1
# After a run: the measured over the intended temperature. Langevin steps without an accept test at half the stable step
# size reach 1.33 (variance ratio 1 / (1 - a h), SCIENCE: exact for a quadratic well); a cold recipe 0.1.
LOW, HIGH = 0.67, 1.5
MAX_Z = 6.0


def noise_variance(sampler: Sampler) -> float | None:
    """Variance of the noise of one Langevin step that no accept test corrects; None for other samplers."""
    h, t = sampler.langevin_step, sampler.temperature
    free = not sampler.adjusted and sampler.noise_std is not None
    return 2.0 * h * t if free and h is not None and t is not None else None


def before(sampler: Sampler) -> list[Diagnostic]:
    """Compare the temperature that belongs to the noise with the one that was asked for."""
    variance, t, h = noise_variance(sampler), sampler.temperature, sampler.langevin_step
    if variance is None or t is None or h is None or abs(t / sampler.intended_temperature - 1.0) <= MAX_OFF:
        return []
    warm = math.sqrt(2.0 * h)
    return [
        Diagnostic(
            "temperature",
            t,
            1.0 - MAX_OFF if t < 1 else 1.0 + MAX_OFF,
            f"noise_std={math.sqrt(variance):g} with step_size={h:g} samples exp(-E / T) at T = {t:.3g}, not exp(-E): "
            f"the chains "
            f"are too {'cold, so the wells of a fit come out too wide or too narrow' if t < 1 else 'hot'}",
            f"leave noise_std out, or set noise_std=sqrt(2 * step_size)={warm:.4g}",
        )
    ]


def after(population: Population) -> list[Diagnostic]:
    """Compare mean |dE/dx|^2 with mean Laplacian, which are in the ratio T under exp(-E / T) / Z (Stein's identity)."""
    x, energy = population.extended, population.energy
    square = (energy.grad(x).reshape(len(x), -1) ** 2).sum(axis=1)
    curvature = energy.laplacian(x)
    aim = population.sampler.intended_temperature
    z = population.z(square - aim * curvature)
    mean = float(curvature.mean())
    t = float(square.mean()) / mean / aim if mean > 0 else math.inf
    if LOW <= t <= HIGH or abs(z) <= MAX_Z or not np.isfinite(z):
        return []
    return [
        Diagnostic(
            "measured_temperature",
            t,
            LOW if t < LOW else HIGH,
            f"the chains' mean squared force over mean curvature gives {t:.3g} times the intended temperature "
            f"(Stein z = {z:.1f}): "
            f"they are {'colder' if t < 1 else 'hotter'} than the density they stand for",
            _advice(population.sampler, t),
        )
    ]


def _advice(sampler: Sampler, t: float) -> str:
    if t > 1 and sampler.step_size is not None and not sampler.adjusted:
        return "use a smaller step_size, or MALA"
    if before(sampler):
        return "set noise_std=sqrt(2 * step_size) or leave it out"
    return "use more n_steps: the noise is right, but the chains have not spread over the density"
