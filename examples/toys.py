"""Networks in the plane: four densities from 10,000 points each, and how far the fits are from the truth.

Run: python examples/toys.py [--seconds 30] [--only moons] [--picture toys.png] [--short]
"""

import argparse
import time

import numpy as np

import fastebm as fe
from fastebm import datasets

# ---- the recipe ----
POINTS = 10_000
HIDDEN = (128, 128)
BASE_WIDTH = 1.5  # of the base, in standard deviations of the data
STEP_SIZE = 0.006
SHORTER = {"rings": 0.004}
TRAINING = {
    "n_steps": 5,
    "n_chains": 1024,
    "batch_size": 512,
    "optimizer": "adam",
    "learning_rate": 3e-3,
    "betas": (0.9, 0.99),
    "schedule": "linear",
    "hold": 0.5,
    "ema": 0.995,
}
# Where the network of HIDDEN is too smooth: Fourier features, their number and scale, on standardised inputs.
FOURIER = {"rings": (32, 0.4), "checkerboard": (32, 1.0)}
# Features that repeat make mass far from the data, where no chain has been: edges end the checkerboard's plane (its
# data end there too), and the jumps of the rings' chains go that many standard deviations out.
MARGIN = {"checkerboard": 0.3}
FAR = {"rings": 3.5}
OWN = {
    "rings": {"learning_rate": 1e-3, "n_steps": 4, "n_global": 2},
    "checkerboard": {"learning_rate": 1e-3},
}
# Share of the seconds that the updates get; the rest is for the checks of the result.
SHARE = 0.97
TRIAL = 40  # updates that are timed first
# --------------------

TOYS = ("eight_gaussians", "moons", "checkerboard", "rings")
GRID = 601
# Half the side of the window of the quadrature, in standard deviations of the base: 1e-5 of it is outside.
REACH = 4.5


def network(name, X, hidden=HIDDEN):
    mean, std = X.mean(axis=0), X.std(axis=0)
    if name in MARGIN:
        base = fe.Box(X.min(axis=0) - MARGIN[name], X.max(axis=0) + MARGIN[name])
        mean, std = None, None  # the box's own
    else:
        base = fe.Gaussian(mean, np.diag(((1.0 if name in FAR else BASE_WIDTH) * std) ** 2))
    layers = [("fourier", *FOURIER[name])] if name in FOURIER else []
    for width in hidden:
        layers += [("dense", width), "silu"]
    return fe.NetworkEnergy(2, layers, base=base, loc=mean, scale=std, seed=0)


def divergences(truth, energies, X):
    """KL(truth, energy) of each energy in nats; log Z and the integral by quadrature on one grid."""
    sides = [
        mean + REACH * BASE_WIDTH * std * np.linspace(-1, 1, GRID)
        for mean, std in zip(X.mean(axis=0), X.std(axis=0), strict=True)
    ]
    points = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
    cell = np.prod([side[1] - side[0] for side in sides])
    near = np.flatnonzero((np.abs(points) <= truth.extent).all(axis=1))
    log_p = truth.log_prob(points[near])
    near, log_p = near[log_p > -np.inf], log_p[log_p > -np.inf]
    p = np.exp(log_p)
    out = []
    for energy in energies:
        e = energy.energy(points)
        log_z = np.log(np.exp(e.min() - e).sum() * cell) - e.min()
        # The sum of p is 1 but for the edges that a density may have.
        out.append(float((p * (log_p + e[near] + log_z)).sum() / p.sum()))
    return out


def trainer_for(name, X, hidden=HIDDEN, **changes):
    options = TRAINING | OWN.get(name, {}) | changes
    if name in FAR:
        mean, reach = X.mean(axis=0), FAR[name] * X.std(axis=0)
        options["global_move"] = fe.IndependenceMH(mean - reach, mean + reach)
    return fe.ContrastiveDivergence(
        network(name, X, hidden), fe.MALA(SHORTER.get(name, STEP_SIZE)), n_updates=1, **options
    )


def train(name, seconds=None, updates=None, seed=1, **changes):
    """Fit one toy: (data, result, seconds it took). Give seconds, or updates for the same bytes everywhere."""
    begun = time.perf_counter()
    X = getattr(datasets, name)(POINTS, seed=seed)
    trainer = trainer_for(name, X, **changes)
    if updates is None:
        trial = trainer.replace(n_updates=TRIAL)
        trial.fit(X, seed=seed, diagnose=False)
        before = time.perf_counter()
        trial.fit(X, seed=seed, diagnose=False)
        each = (time.perf_counter() - before) / TRIAL
        updates = max(TRIAL, int(SHARE * (seconds - (time.perf_counter() - begun)) / each))
    result = trainer.replace(n_updates=updates).fit(X, seed=seed)
    return X, result, time.perf_counter() - begun


def picture(fits, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        1, len(fits), figsize=(4.6 * len(fits), 4), layout="constrained", squeeze=False
    )
    for ax, (name, (X, result)) in zip(panels[0], fits.items(), strict=True):
        box = [(side.min() - 0.3, side.max() + 0.3) for side in X.T]
        fe.plotting.plot_landscape(
            result.energy, what="density", bounds=box, chains=result.buffer.states[:200], ax=ax
        )
        ax.set_title(name)
    figure.savefig(path, dpi=110)


def main(arguments):
    short = (
        {"hidden": (16, 16), "n_chains": 256, "batch_size": 256, "learning_rate": 3e-3}
        if arguments.short
        else {}
    )
    fits = {}
    print(f"{POINTS:,} points each; KL(truth, model) in nats by quadrature on {GRID} x {GRID} points")
    for name in [arguments.only] if arguments.only else TOYS:
        X, result, took = train(
            name,
            arguments.seconds,
            300 if arguments.short else arguments.updates,
            arguments.seed,
            **short,
        )
        kl, start = divergences(getattr(datasets, name), [result.energy, result.energy.base], X)
        codes = ", ".join(w.code for w in result.warnings) or "none"
        print(
            f"{name:16} KL {kl:.4f} (base alone {start:.3f})  {len(result.history):,} updates, {took:.1f} s, "
            f"acceptance {result.acceptance_rate:.2f}, warnings {codes}",
            flush=True,
        )
        fits[name] = X, result
    if arguments.picture:
        picture(fits, arguments.picture)


if __name__ == "__main__":
    import warnings

    # Printed with the result.
    warnings.simplefilter("ignore", fe.FastEBMWarning)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="time for each toy (default 30)")
    parser.add_argument("--updates", type=int, help="number of updates, in place of a time")
    parser.add_argument("--only", choices=TOYS, help="one of them")
    parser.add_argument("--seed", type=int, default=1, help="of the data and of training")
    parser.add_argument("--picture", metavar="FILE", help="write the densities as a picture")
    parser.add_argument("--short", "--quick", action="store_true", help="a small network and 300 updates")
    main(parser.parse_args())
