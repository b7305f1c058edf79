"""Every energy once and every sampler once: the one list that the tests are parametrised over.

A new energy or sampler adds one entry here and inherits every general test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from oracle import FunctionOracle, Oracle, WellMixtureOracle

import fastebm as fe


@dataclass(frozen=True)
class EnergyCase:
    """One energy, and what is known about it.

    Parameters
    ----------
    name : str
    make : callable
        A fresh energy, always with the same generic theta.
    oracle : callable
        ``oracle(energy)``: independent values for its current theta.
    theta_low, theta_high : tuple of float
        Range from which a test may draw theta, an entry for each parameter.
    x_range : float
        A test may draw x from +-x_range.
    laplacian_rel : float
        Relative accuracy of `laplacian`: central differences have less.
    has_log_partition, has_exact_sample : bool
    """

    name: str
    make: Callable[[], fe.Energy]
    oracle: Callable[[fe.Energy], Oracle]
    theta_low: tuple[float, ...] = ()
    theta_high: tuple[float, ...] = ()
    x_range: float = 6.0
    laplacian_rel: float = 1e-12
    has_log_partition: bool = True
    has_exact_sample: bool = True


def wells(n_wells: int, n_features: int) -> EnergyCase:
    size = 2 * n_features + 1

    def limits(raw_a: float, m: float, k: float, c: float) -> tuple[float, ...]:
        return ((raw_a,) * n_features + (m,) * n_features + (k,)) * n_wells + (c,)

    def make():
        theta = np.random.default_rng([n_wells, n_features]).uniform(-1.0, 1.0, n_wells * size + 1)
        return fe.WellMixture(n_wells, n_features, theta)

    return EnergyCase(
        name=f"wells-{n_wells}x{n_features}",
        make=make,
        oracle=lambda energy: WellMixtureOracle(energy.theta, n_wells, n_features),
        # The notebook's own clamps.
        theta_low=limits(-3.0, -4.0, -3.0, -10.0),
        theta_high=limits(3.0, 4.0, 3.0, 10.0),
    )


# Functions of a PythonEnergy, at module level so that it pickles: a ring and a quartic double well.
def ring_energy(X):
    return ((X**2).sum(axis=1) - 1.0) ** 2


def ring_grad(X):
    return 4.0 * ((X**2).sum(axis=1, keepdims=True) - 1.0) * X


def quartic_energy(X):
    return (X**2 - 1.0) ** 2


def quartic_grad(X):
    return 4.0 * (X**2 - 1.0) * X


def quartic_laplacian(X):
    return 12.0 * X**2 - 4.0


def make_ring():
    return fe.PythonEnergy(ring_energy, ring_grad, 2)


def make_quartic():
    return fe.PythonEnergy(quartic_energy, quartic_grad, 1, laplacian=quartic_laplacian)


ENERGIES = (
    wells(2, 1),
    wells(1, 1),
    wells(3, 1),
    wells(1, 3),
    wells(2, 2),
    wells(4, 5),
    EnergyCase(
        name="python-ring",
        make=make_ring,
        oracle=lambda energy: FunctionOracle(
            lambda x: (x[0] * x[0] + x[1] * x[1] - 1.0) ** 2,
            lambda x: [4.0 * (x[0] * x[0] + x[1] * x[1] - 1.0) * xd for xd in x],
            lambda x: 16.0 * (x[0] * x[0] + x[1] * x[1]) - 8.0,
        ),
        x_range=3.0,
        laplacian_rel=1e-8,
        has_log_partition=False,
        has_exact_sample=False,
    ),
    EnergyCase(
        name="python-quartic",
        make=make_quartic,
        oracle=lambda energy: FunctionOracle(
            lambda x: (x[0] * x[0] - 1.0) ** 2,
            lambda x: [4.0 * (x[0] * x[0] - 1.0) * x[0]],
            lambda x: 12.0 * x[0] * x[0] - 4.0,
        ),
        x_range=3.0,
        has_log_partition=False,
        has_exact_sample=False,
    ),
)


@dataclass(frozen=True)
class SamplerCase:
    """One sampler, and what is known about it.

    Parameters
    ----------
    name : str
    make : callable
        ``make(n_features)``: a sampler that suits the energies above near the origin.
    exact : bool
        Whether exp(-E / temperature) / Z is invariant exactly.
    reports_acceptance : bool
    """

    name: str
    make: Callable[[int], fe.Sampler]
    exact: bool
    reports_acceptance: bool


SAMPLERS = (
    SamplerCase("sgld", lambda n_features: fe.SGLD(0.02), exact=False, reports_acceptance=False),
    SamplerCase(
        "sgld-bounded",
        lambda n_features: fe.SGLD(0.02, noise_std=0.3, bounds=(-1.5, 1.5)),
        exact=False,
        reports_acceptance=False,
    ),
    SamplerCase("mala", lambda n_features: fe.MALA(0.05), exact=True, reports_acceptance=True),
    SamplerCase(
        "mala-bounded",
        lambda n_features: fe.MALA(0.05, temperature=0.7, bounds=(-4.0, 4.0)),
        exact=False,
        reports_acceptance=True,
    ),
    SamplerCase(
        "independence",
        lambda n_features: fe.IndependenceMH([-5.0] * n_features, [5.0] * n_features),
        exact=True,
        reports_acceptance=True,
    ),
)


def parametrise(name: str, cases) -> pytest.MarkDecorator:
    """Run a test once for each case, under the case's name."""
    return pytest.mark.parametrize(name, cases, ids=lambda case: case.name)


def closed_form(cases=ENERGIES) -> tuple[EnergyCase, ...]:
    return tuple(case for case in cases if case.has_log_partition)
