"""The gallery of energies: pictures, exact laws, and which samplers reach them."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import fastebm as fe

RBM = fe.GaussianBernoulliRBM(2, 2, [-0.7, -0.7, -1.0, -1.0, -6.0, -5.2, 3.0, 0.2, 0.0, 3.0])
# Name: (energy, window of the picture, where the chains of the comparison start).
GALLERY = {
    "WellMixture": (
        fe.WellMixture.from_mixture([0.3, 0.7], [[-3.0, 0.0], [3.0, 1.0]], [[0.6, 1.2], [0.9, 0.5]]),
        (-6, 6, -4, 4),
        [-3.0, 0.0],
    ),
    "Gaussian": (fe.Gaussian([0.0, 0.0], [[4.0, 1.9], [1.9, 1.0]]), (-6, 6, -3, 3), [3.0, -1.0]),
    "StudentT": (fe.StudentT(3.0, [0.0, 0.0], [1.0, 1.0]), (-6, 6, -6, 6), [0.0, 0.0]),
    "DoubleWell": (fe.DoubleWell(2, 4.0), (-1.8, 1.8, -1.8, 1.8), [-1.0, -1.0]),
    "MuellerBrown": (fe.MuellerBrown(), (-1.5, 1.2, -0.4, 2.0), [0.6, 0.0]),
    "Rosenbrock": (fe.Rosenbrock(), (-8, 9, -4, 60), [1.0, 1.0]),
    "Banana": (fe.Banana(2), (-6, 6, -8, 4), [0.0, 0.0]),
    "Funnel": (fe.Funnel(2), (-8, 8, -12, 12), [0.0, 0.0]),
    "PhiFour": (fe.PhiFour(8, 1.5, 6.0), (-1.8, 1.8, -1.8, 1.8), [-1.0] * 8),
    "GaussianBernoulliRBM": (RBM, (-3, 4, -3, 4), [-1.0, -1.0]),
}
SAMPLERS = {
    "SGLD": fe.SGLD("auto"),
    "MALA": fe.MALA("auto"),
    "Underdamped": fe.Underdamped("auto", metropolis=True),
    "HMC": fe.HMC("auto", 10),
    "Tempering": fe.Tempering(fe.HMC("auto", 10), np.geomspace(1, 60, 9), swap_every=2),
}
# Steps of a gradient each, so that all samplers have the same work: 10 leapfrog steps, 9 rungs of 2 moves.
GRADIENTS, CHAINS = 3600, 1000
COST = {"HMC": 10, "Tempering": 180}
# Kolmogorov's: one set of exact samples in a thousand is as far as this.
LIMIT = 1.95 / np.sqrt(CHAINS)


def draw_gallery():
    """A panel for each energy: its landscape, exp(-E), and 300 exact samples where there are some."""
    _, panels = plt.subplots(2, 5, figsize=(13, 5.6), layout="constrained")
    for ax, (name, (energy, (a, b, c, d), _)) in zip(panels.flat, GALLERY.items(), strict=True):
        if energy.n_features == 2:
            u, v = np.meshgrid(np.linspace(a, b, 161), np.linspace(c, d, 161))
            e = energy.energy(np.stack([u.ravel(), v.ravel()], axis=1)).reshape(u.shape)
            ax.contourf(u, v, np.minimum(e - e.min(), 12), 24, cmap="cividis_r")
        if energy.has_exact_sample:
            x = energy.exact_sample(300, seed=1)
            ax.plot(x[:, 0], x[:, -1], ".", ms=2.5, color="#D55E00", alpha=0.7)
        ax.set(xlim=(a, b), ylim=(c, d), title=name)
        ax.set_xlabel("x1"), ax.set_ylabel(f"x{energy.n_features}")


def print_laws():
    """log Z of every energy, by its closed form and by a method that does not know it."""
    print(f"{'energy':22} {'log Z, closed form':>18}   by quadrature or annealing")
    for name, (energy, _, _) in GALLERY.items():
        exact = f"{energy.log_partition():18.6f}" if energy.has_log_partition else " " * 12 + "(none)"
        x = energy.exact_sample(2000, seed=2) if energy.has_exact_sample else None
        method = "quadrature" if energy.n_features <= 2 and name not in ("StudentT", "Funnel") else "ais"
        try:
            estimate = fe.log_partition(energy, method, X=x, **({"seed": 1} if method == "ais" else {}))
            print(f"{name:22} {exact}   {estimate.value:.6f} +- {estimate.error:.1g} ({estimate.method})")
        except ValueError as error:
            print(f"{name:22} {exact}   none ({type(error).__name__})")


def law_of(energy):
    """Exact samples of the first feature: of the energy, or by a grid."""
    if energy.has_exact_sample:
        return energy.exact_sample(50_000, seed=3)[:, 0]
    u, v = np.linspace(-2.5, 2.0, 901), np.linspace(-1.5, 3.0, 901)
    grid = np.stack(np.meshgrid(u, v, indexing="ij"), axis=-1).reshape(-1, 2)
    p = np.exp(-energy.energy(grid) + energy.energy(grid).min()).reshape(901, 901).sum(axis=1)
    return np.interp((np.arange(50_000) + 0.5) / 50_000, np.cumsum(p) / p.sum(), u)


def distance(x, law):
    """Largest difference of two distribution functions."""
    at = np.sort(law)
    return np.abs(
        np.searchsorted(np.sort(x), at, side="right") / len(x) - np.arange(1, len(at) + 1) / len(at)
    ).max()


def print_reach():
    """How far 1,000 chains that start in one place are from the law, after as many gradients for every sampler."""
    widths = {name: max(9, len(name) + 2) for name in SAMPLERS}
    print(f"{'':20}" + "".join(f"{name:>{width}}" for name, width in widths.items()))
    for name, (energy, _, start) in GALLERY.items():
        law = law_of(energy)
        cells = ""
        for kind, sampler in SAMPLERS.items():
            x0 = np.tile(np.array(start), (CHAINS, 1))
            try:
                d = distance(sampler.sample(energy, x0, GRADIENTS // COST.get(kind, 1), seed=4)[:, 0], law)
                cell = f"{d:.3f}" + (" *" if d < LIMIT else "  ")
            except fe.NonFiniteError:
                cell = "diverged"
            cells += f"{cell:>{widths[kind]}}"
        print(f"{name:20}{cells}")


def print_more():
    """What did not get there, with more work."""
    funnel = fe.Funnel(10)
    tries = (
        (
            "WellMixture",
            *GALLERY["WellMixture"][::2],
            "Tempering, 4 times the work",
            SAMPLERS["Tempering"],
            80,
        ),
        ("Rosenbrock", *GALLERY["Rosenbrock"][::2], "HMC, tuned, 10 times", SAMPLERS["HMC"], 3600),
        ("Rosenbrock", *GALLERY["Rosenbrock"][::2], "HMC(0.01, 100), 100 times", fe.HMC(0.01, 100), 3600),
        ("Funnel(10)", funnel, np.zeros(10), "MALA, tuned, 10 times", SAMPLERS["MALA"], 36_000),
        ("Funnel(10)", funnel, np.zeros(10), "HMC, tuned, 10 times", SAMPLERS["HMC"], 3600),
        ("Funnel(10)", funnel, np.zeros(10), "HMC(0.05, 10), 10 times", fe.HMC(0.05, 10), 3600),
    )
    for name, energy, start, said, sampler, n_steps in tries:
        x = sampler.sample(energy, np.tile(np.array(start), (CHAINS, 1)), n_steps, seed=4)
        d = distance(x[:, 0], law_of(energy))
        print(f"{name:12} {said:28} {d:.3f}" + (" *" if d < LIMIT else ""))
