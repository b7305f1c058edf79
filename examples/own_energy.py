"""An energy of your own, in Python: a ring in two dimensions, its gradient checked, sampled with MALA.

Run: python examples/own_energy.py [--out own_energy.png] [--quick]      Needs the 'plot' extra.
"""

import argparse

import numpy as np

import fastebm as fe
from fastebm import plotting

BARRIER = 8.0


def energy(X):
    return BARRIER * ((X**2).sum(axis=1) - 1) ** 2


def grad(X):
    return 4 * BARRIER * ((X**2).sum(axis=1, keepdims=True) - 1) * X


def wrong_grad(X):
    return 2 * BARRIER * ((X**2).sum(axis=1, keepdims=True) - 1) * X


def radial_density(r):
    """Density of |x|, by the midpoint rule: r exp(-E) up to a constant."""
    width = r[1] - r[0]
    density = r * np.exp(-BARRIER * (r**2 - 1) ** 2)
    return density / (density.sum() * width)


def picture(ring, path, x, out):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.0), layout="constrained")
    plotting.plot_paths(ring, path, n_paths=3, bounds=[(-1.8, 1.8), (-1.8, 1.8)], ax=left)
    left.set_aspect("equal")
    left.set_title("Three chains on the energy landscape")
    r = np.linspace(0, 1.8, 361)[1:] - 0.0025
    right.hist(
        np.hypot(*x.T), bins=60, range=(0, 1.8), density=True, color="#cccccc", label=f"{len(x):,} chains"
    )
    right.plot(r, radial_density(r), color="#0072B2", lw=2, label="exact")
    right.set(title="Distance from the centre", xlabel="|x|", ylabel="density", xlim=(0, 1.8))
    right.legend(frameon=False)
    figure.savefig(out, dpi=120)


def main(out, quick):
    rng = np.random.default_rng(1)
    points = rng.normal(size=(200, 2))
    ring = fe.PythonEnergy(energy, grad, n_features=2)
    print(fe.check_grad(ring, points))
    print(fe.check_grad(fe.PythonEnergy(energy, wrong_grad, n_features=2), points))

    n_chains, n_steps = (2000, 300) if quick else (20_000, 1000)
    start = rng.uniform(-1, 1, (n_chains, 2))
    # The largest curvature on the ring is 8 * BARRIER = 64; the step times that should stay below 1.
    sampler = fe.MALA(0.006)
    result = sampler.run(ring, start, n_steps, seed=1)
    r = np.linspace(0, 3, 6001)[1:] - 0.00025
    exact = float((r * radial_density(r)).sum() * (r[1] - r[0]))
    seen = np.hypot(*result.x.T)
    error = seen.std() / n_chains**0.5
    print(f"{n_chains:,} chains, {n_steps} steps, {result.acceptance_rate:.0%} of the moves accepted")
    print(f"mean |x|  {seen.mean():.4f} +- {error:.4f}, exact {exact:.4f}")
    print(f"warnings  {[w.code for w in fe.diagnose(ring, sampler=sampler, x0=result.x)] or 'none'}")
    # Five times the step, from starts outside the ring, where such a step overshoots and is always rejected.
    for warning in fe.diagnose(ring, sampler=fe.MALA(0.03), x0=1.5 * start[:1000])[:1]:
        print(f"step 0.03: {warning}")
    z = fe.log_partition(ring)
    print(f"log Z     {z.value:.6f} +- {z.error:.1g} ({z.method})")
    picture(ring, sampler.sample(ring, start[:3], 400, seed=2, thin=1), result.x, out)
    print(f"wrote     {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="own_energy.png", help="where to write the picture")
    parser.add_argument("--quick", action="store_true", help="fewer chains and steps")
    arguments = parser.parse_args()
    main(arguments.out, arguments.quick)
