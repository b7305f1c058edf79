"""Every energy once and every sampler once: the one list that the tests are parametrised over.

A new energy or sampler adds one entry here and inherits every general test.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from fastebm.energies.probe import quartic_functions
from network_oracle import NetworkOracle
from oracle import (
    AffineOracle,
    ConditionedOracle,
    FullWellsOracle,
    FunctionOracle,
    GaussianOracle,
    Oracle,
    RBMOracle,
    StudentWellsOracle,
    SumOracle,
    WellMixtureOracle,
)

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
    rel : float
        Relative accuracy of values and gradients; sums over samples have a tenth of it.
    laplacian_rel : float
        Relative accuracy of `laplacian`: central differences have less.
    difference_step, difference_rel : float
        Central differences of the energy, and how well they know a gradient.
    has_log_partition, has_exact_sample : bool
    advice : str
        What an energy without log Z must say, as a pattern.
    pickles : bool
        Compiled functions do not.
    """

    name: str
    make: Callable[[], fe.Energy]
    oracle: Callable[[fe.Energy], Oracle]
    theta_low: tuple[float, ...] = ()
    theta_high: tuple[float, ...] = ()
    x_range: float = 6.0
    rel: float = 1e-12
    laplacian_rel: float = 1e-12
    difference_step: float = 1e-6
    difference_rel: float = 1e-7
    has_log_partition: bool = True
    has_exact_sample: bool = True
    advice: str = r"fastebm\.log_partition"
    pickles: bool = True


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


def full_wells(n_wells: int, n_features: int) -> EnergyCase:
    n_below = n_features * (n_features - 1) // 2

    def limits(log: float, below: float, m: float, k: float, c: float) -> tuple[float, ...]:
        return ((log,) * n_features + (below,) * n_below + (m,) * n_features + (k,)) * n_wells + (c,)

    def make():
        energy = fe.WellMixture(n_wells, n_features, covariance="full")
        energy.theta = np.random.default_rng([n_wells, n_features]).uniform(-1.0, 1.0, energy.n_params)
        return energy

    return EnergyCase(
        name=f"wells-full-{n_wells}x{n_features}",
        make=make,
        oracle=lambda energy: FullWellsOracle(energy.theta, n_wells, n_features),
        theta_low=limits(-1.5, -2.0, -4.0, -3.0, -10.0),
        theta_high=limits(1.5, 2.0, 4.0, 3.0, 10.0),
    )


def student_wells(n_wells: int, n_features: int, covariance: str = "full") -> EnergyCase:
    full = covariance == "full"
    n_below = n_features * (n_features - 1) // 2 if full else 0

    def limits(log: float, below: float, m: float, log_df: float, k: float, c: float) -> tuple[float, ...]:
        return ((log,) * n_features + (below,) * n_below + (m,) * n_features + (log_df, k)) * n_wells + (c,)

    def make():
        energy = fe.StudentTMixture(n_wells, n_features, covariance=covariance)
        energy.theta = np.random.default_rng([n_wells, n_features]).uniform(-1.0, 1.0, energy.n_params)
        # Of 1.2 degrees of freedom and more.
        df = energy.theta
        df[:-1].reshape(n_wells, -1)[:, -2] += 1.2
        energy.theta = df
        return energy

    return EnergyCase(
        name=f"student-wells-{covariance}-{n_wells}x{n_features}",
        make=make,
        oracle=lambda energy: StudentWellsOracle(energy.theta, n_wells, n_features, full),
        theta_low=limits(-1.5, -2.0, -4.0, -0.5, -3.0, -10.0),
        theta_high=limits(1.5, 2.0, 4.0, 4.0, 3.0, 10.0),
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


def gaussian(n_features: int) -> EnergyCase:
    n_below = n_features * (n_features - 1) // 2

    def limits(log: float, below: float, m: float, c: float) -> tuple[float, ...]:
        return (log,) * n_features + (below,) * n_below + (m,) * n_features + (c,)

    def make():
        energy = fe.Gaussian(np.zeros(n_features))
        energy.theta = np.random.default_rng(n_features).uniform(-1.0, 1.0, energy.n_params)
        return energy

    return EnergyCase(
        name=f"gaussian-{n_features}",
        make=make,
        oracle=lambda energy: GaussianOracle(energy.theta, n_features),
        theta_low=limits(-1.5, -2.0, -4.0, -10.0),
        theta_high=limits(1.5, 2.0, 4.0, 10.0),
    )


# A double well with its barrier and the square of its half width as parameters.
def tuned_energy(X, theta):
    return theta[0] * (X[:, 0] ** 2 - theta[1]) ** 2


def tuned_grad(X, theta):
    return 4.0 * theta[0] * (X**2 - theta[1]) * X


def tuned_param_grad(X, theta):
    rest = X[:, 0] ** 2 - theta[1]
    return np.stack([rest**2, -2.0 * theta[0] * rest], axis=1)


def tuned_param_grad_sum(X, theta, weights):
    # Sums by hand: a product of matrices depends on how many rows there are.
    return np.array([sum(column * weights) for column in tuned_param_grad(X, theta).T])


def tuned(name: str, **options) -> EnergyCase:
    def oracle(energy):
        h, s = energy.theta.tolist()
        return FunctionOracle(
            lambda x: h * (x[0] * x[0] - s) ** 2,
            lambda x: [4.0 * h * (x[0] * x[0] - s) * x[0]],
            lambda x: 12.0 * h * x[0] * x[0] - 4.0 * h * s,
            lambda x: [(x[0] * x[0] - s) ** 2, -2.0 * h * (x[0] * x[0] - s)],
        )

    return EnergyCase(
        name=name,
        make=lambda: fe.PythonEnergy(tuned_energy, tuned_grad, theta=[1.1, 0.9], **options),
        oracle=oracle,
        theta_low=(0.2, 0.1),
        theta_high=(2.0, 2.0),
        x_range=3.0,
        laplacian_rel=1e-8,
        has_log_partition=False,
        has_exact_sample=False,
    )


def double_well(n_features: int) -> EnergyCase:
    h = 1.3
    return EnergyCase(
        name=f"double-well-{n_features}",
        make=lambda: fe.DoubleWell(n_features, h),
        oracle=lambda energy: FunctionOracle(
            lambda x: sum(h * (v * v - 1.0) ** 2 for v in x),
            lambda x: [4.0 * h * (v * v - 1.0) * v for v in x],
            lambda x: sum(h * (12.0 * v * v - 4.0) for v in x),
        ),
        x_range=3.0,
    )


def steps(x):
    return [b - a for a, b in itertools.pairwise(x)]


def rbm(n_features: int, n_hidden: int) -> EnergyCase:
    def make():
        machine = fe.GaussianBernoulliRBM(n_features, n_hidden)
        machine.theta = np.random.default_rng([n_features, n_hidden]).uniform(-1.0, 1.0, machine.n_params)
        return machine

    size = n_features + n_hidden + n_features * n_hidden
    return EnergyCase(
        name=f"rbm-{n_features}x{n_hidden}",
        make=make,
        oracle=lambda energy: RBMOracle(energy.theta, n_features, n_hidden),
        theta_low=(-0.5,) * n_features + (-2.0,) * size,
        theta_high=(1.0,) * n_features + (2.0,) * size,
    )


def part(kind: str, *sizes: int) -> EnergyCase:
    return {"wells": wells, "gaussian": gaussian}[kind](*sizes)


def combined(name, join, kinds, closed, factor=1.0) -> EnergyCase:
    parts = [part(*kind) for kind in kinds]

    def oracle(energy):
        ends = np.cumsum([0] + [p.make().n_params for p in parts])
        made = []
        for i, p in enumerate(parts):
            energy_of_part = p.make()
            energy_of_part.theta = energy.theta[ends[i] : ends[i + 1]]
            made.append(p.oracle(energy_of_part))
        return SumOracle(made, factor)

    return EnergyCase(
        name=name,
        make=lambda: join(*[p.make() for p in parts]),
        oracle=oracle,
        theta_low=sum((p.theta_low for p in parts), ()),
        theta_high=sum((p.theta_high for p in parts), ()),
        has_log_partition=closed,
        has_exact_sample=closed,
    )


def affine(name, scale, offset) -> EnergyCase:
    inner = wells(2, 2)

    def oracle(energy):
        within = inner.make()
        within.theta = energy.theta
        return AffineOracle(inner.oracle(within), scale, offset, energy)

    return EnergyCase(
        name=name,
        make=lambda: fe.Affine(inner.make(), scale, offset),
        oracle=oracle,
        theta_low=inner.theta_low,
        theta_high=inner.theta_high,
        laplacian_rel=1e-6,
    )


def conditioned(name, inner, observed, values, closed) -> EnergyCase:
    def oracle(energy):
        within = inner.make()
        within.theta = energy.theta
        return ConditionedOracle(inner.oracle(within), within.n_features, observed, values)

    return EnergyCase(
        name=name,
        make=lambda: fe.Conditioned(inner.make(), observed, values),
        oracle=oracle,
        theta_low=inner.theta_low,
        theta_high=inner.theta_high,
        laplacian_rel=1e-6,
        has_log_partition=closed,
        has_exact_sample=closed,
    )


def make_compiled():
    functions = quartic_functions()
    return fe.CompiledEnergy(
        functions["energy"], functions["grad"], 2, param_grad=functions["param_grad"], theta=[1.1, 0.9]
    )


def bent(x):
    return x[1] + 0.2 * (x[0] * x[0] - 2.25)


def scaled(x):
    places = zip(x, (0.5, -1.0, 0.0), (1.0, 0.3, 2.0), strict=True)
    return [(v - m, 1.0 / (3.5 * s * s)) for v, m, s in places]


def network(name, prior, make, **known) -> EnergyCase:
    """A network with random weights over the base of another case (None: over none)."""

    def drawn():
        energy = make(None if prior is None else prior.make())
        energy.theta = np.random.default_rng(energy.n_params).uniform(-1.5, 1.5, energy.n_params)
        return energy

    n_params = make(None if prior is None else prior.make()).n_params
    return EnergyCase(
        name=f"network-{name}",
        make=drawn,
        oracle=lambda energy: NetworkOracle(energy, prior and prior.oracle(energy.base)),
        theta_low=(-1.5,) * n_params,
        theta_high=(1.5,) * n_params,
        has_log_partition=False,
        has_exact_sample=False,
        **{"laplacian_rel": 1e-8, **known},
    )


# Every kind of layer of an image. No leaky_relu: differences do not know on which side of its kink they are.
IMAGE = [
    ("conv", 2, 2, 1, 1),
    "softplus",
    ("residual", [("conv", 2, 3), "silu"]),
    ("pool", 2),
    ("dense", 2),
    "silu",
]

ENERGIES = (
    wells(2, 1),
    wells(1, 1),
    wells(3, 1),
    wells(1, 3),
    wells(2, 2),
    wells(4, 5),
    full_wells(2, 1),
    full_wells(2, 2),
    full_wells(3, 4),
    full_wells(2, 5),
    # Without correlations: tests/test_heavy.py.
    student_wells(2, 2, "full"),
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
    gaussian(1),
    gaussian(2),
    gaussian(5),
    double_well(1),
    double_well(3),
    EnergyCase(
        name="rosenbrock",
        make=lambda: fe.Rosenbrock(0.3, 1.7),
        oracle=lambda energy: FunctionOracle(
            lambda x: 0.3 * (1.0 - x[0]) ** 2 + 1.7 * (x[1] - x[0] * x[0]) ** 2,
            lambda x: [
                -0.6 * (1.0 - x[0]) - 6.8 * (x[1] - x[0] * x[0]) * x[0],
                3.4 * (x[1] - x[0] * x[0]),
            ],
            lambda x: 0.6 + 20.4 * x[0] * x[0] - 6.8 * x[1] + 3.4,
        ),
        x_range=3.0,
    ),
    EnergyCase(
        name="banana",
        make=lambda: fe.Banana(3, 0.2, 1.5),
        oracle=lambda energy: FunctionOracle(
            lambda x: x[0] ** 2 / 4.5 + bent(x) ** 2 / 2.0 + x[2] ** 2 / 2.0,
            lambda x: [x[0] / 2.25 + 0.4 * x[0] * bent(x), bent(x), x[2]],
            lambda x: 1.0 / 2.25 + 0.4 * bent(x) + 0.16 * x[0] * x[0] + 2.0,
        ),
        x_range=3.0,
    ),
    EnergyCase(
        name="student-t",
        make=lambda: fe.StudentT(3.5, [0.5, -1.0, 0.0], [1.0, 0.3, 2.0]),
        oracle=lambda energy: FunctionOracle(
            lambda x: sum(2.25 * math.log1p(q * u * u) for u, q in scaled(x)),
            lambda x: [4.5 * q * u / (1.0 + q * u * u) for u, q in scaled(x)],
            lambda x: sum(4.5 * q * (1.0 - q * u * u) / (1.0 + q * u * u) ** 2 for u, q in scaled(x)),
        ),
    ),
    EnergyCase(
        name="funnel",
        make=lambda: fe.Funnel(3, 1.5),
        oracle=lambda energy: FunctionOracle(
            lambda x: x[0] ** 2 / 4.5 + x[0] + 0.5 * math.exp(-x[0]) * (x[1] ** 2 + x[2] ** 2),
            lambda x: [
                x[0] / 2.25 + 1.0 - 0.5 * math.exp(-x[0]) * (x[1] ** 2 + x[2] ** 2),
                math.exp(-x[0]) * x[1],
                math.exp(-x[0]) * x[2],
            ],
            lambda x: 1.0 / 2.25 + math.exp(-x[0]) * (0.5 * (x[1] ** 2 + x[2] ** 2) + 2.0),
        ),
        x_range=3.0,
    ),
    tuned("python-theta", param_grad=tuned_param_grad),
    EnergyCase(
        name="phi-four",
        make=lambda: fe.PhiFour(4, 0.7, 2.5),
        oracle=lambda energy: FunctionOracle(
            lambda x: sum(0.7 * (v * v - 1.0) ** 2 for v in x) + sum(1.25 * v * v for v in steps(x)),
            lambda x: [
                2.8 * (v * v - 1.0) * v + 2.5 * (back - ahead)
                for v, back, ahead in zip(x, [0.0, *steps(x)], [*steps(x), 0.0], strict=True)
            ],
            lambda x: sum(0.7 * (12.0 * v * v - 4.0) for v in x) + 2.5 * 6,
        ),
        x_range=3.0,
    ),
    rbm(1, 1),
    rbm(3, 4),
    EnergyCase(
        name="box",
        make=lambda: fe.Box([-7.0, -8.0], [7.0, 9.0]),
        oracle=lambda energy: FunctionOracle(lambda x: 0.0, lambda x: [0.0, 0.0], lambda x: 0.0),
    ),
    combined("sum", lambda a, b: a + b, [("wells", 2, 2), ("gaussian", 2)], True),
    combined("sum-of-wells", fe.Sum, [("wells", 2, 1), ("wells", 3, 1)], True),
    combined("tempered", lambda a: fe.Tempered(a, 1.7), [("wells", 2, 2)], False, factor=1 / 1.7),
    combined("tempered-gaussian", lambda a: fe.Tempered(a, 0.6), [("gaussian", 2)], True, factor=1 / 0.6),
    affine("affine", [0.5, -2.0], [1.0, -0.5]),
    affine("affine-matrix", [[0.5, 0.3], [-0.4, 1.2]], [0.2, 0.1]),
    conditioned("conditioned", wells(2, 3), [2, 0], [0.4, -1.1], True),
    conditioned("conditioned-rbm", rbm(3, 4), [1], [0.7], False),
    EnergyCase(
        name="compiled",
        make=make_compiled,
        oracle=lambda energy: FunctionOracle(
            lambda x: energy.theta[0] * sum((v * v - energy.theta[1]) ** 2 for v in x),
            lambda x: [4.0 * energy.theta[0] * (v * v - energy.theta[1]) * v for v in x],
            lambda x: sum(energy.theta[0] * (12.0 * v * v - 4.0 * energy.theta[1]) for v in x),
            lambda x: [
                sum((v * v - energy.theta[1]) ** 2 for v in x),
                sum(-2.0 * energy.theta[0] * (v * v - energy.theta[1]) for v in x),
            ],
        ),
        theta_low=(0.2, 0.1),
        theta_high=(2.0, 2.0),
        x_range=3.0,
        laplacian_rel=1e-8,
        has_log_partition=False,
        has_exact_sample=False,
        pickles=False,
    ),
    tuned("python-theta-sum", param_grad_sum=tuned_param_grad_sum),
    network("silu", gaussian(2), lambda base: fe.NetworkEnergy.mlp(2, (3, 2), base=base, dtype="float64")),
    network(
        "image",
        gaussian(4),
        lambda base: fe.NetworkEnergy((2, 2), IMAGE, base=base, loc=0.1, scale=0.25, dtype="float64"),
    ),
    network(
        "fourier",
        wells(1, 1),
        lambda base: fe.NetworkEnergy(
            1, [("fourier", 2, 0.1), ("dense", 3), "softplus"], base=base, dtype="float64"
        ),
    ),
    network(
        "float32",
        gaussian(2),
        lambda base: fe.NetworkEnergy.mlp(2, (3,), base=base),
        rel=5e-6,
        difference_step=3e-3,
        difference_rel=1e-3,
    ),
)


# Those that every sampler may run on.
OPEN = tuple(case for case in ENERGIES if not case.make().has_walls)


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
    SamplerCase(
        "mixture",
        lambda n_features: fe.MixtureMH(
            [1.0, 2.0], [[-1.0] * n_features, [0.5] * n_features], np.full((2, n_features), 2.0)
        ),
        exact=True,
        reports_acceptance=True,
    ),
    SamplerCase("hmc", lambda n_features: fe.HMC(0.2, 3), exact=True, reports_acceptance=True),
    SamplerCase(
        "hmc-scaled",
        lambda n_features: fe.HMC(0.2, 2, temperature=0.8, scale=np.linspace(0.5, 1.0, n_features)),
        exact=True,
        reports_acceptance=True,
    ),
    SamplerCase(
        "underdamped", lambda n_features: fe.Underdamped(0.05), exact=False, reports_acceptance=False
    ),
    SamplerCase(
        "underdamped-metropolis",
        lambda n_features: fe.Underdamped(0.2, 2.0, metropolis=True),
        exact=True,
        reports_acceptance=True,
    ),
    SamplerCase(
        "tempering",
        lambda n_features: fe.Tempering(fe.MALA(0.05), [1.0, 2.0, 3.0], swap_every=2),
        exact=True,
        reports_acceptance=True,
    ),
    SamplerCase(
        "tempering-underdamped",
        lambda n_features: fe.Tempering(fe.Underdamped(0.2, metropolis=True), [1.0, 1.5]),
        exact=True,
        reports_acceptance=True,
    ),
    SamplerCase(
        "cycle",
        lambda n_features: fe.cycle(
            (fe.MALA(0.05), 3), fe.IndependenceMH([-5.0] * n_features, [5.0] * n_features), fe.MALA(0.02)
        ),
        exact=True,
        reports_acceptance=True,
    ),
)


def parametrise(name: str, cases) -> pytest.MarkDecorator:
    """Run a test once for each case, under the case's name."""
    return pytest.mark.parametrize(name, cases, ids=lambda case: case.name)


def closed_form(cases=ENERGIES) -> tuple[EnergyCase, ...]:
    return tuple(case for case in cases if case.has_log_partition)
