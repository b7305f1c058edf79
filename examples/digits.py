"""Digits of 8 x 8 pixels: a network against the best mixture, its log-likelihood between two certified ends.

Run: python examples/digits.py [--model mlp|conv] [--split 7] [--picture digits.png] [--short]
Needs scikit-learn, which has the images and the mixture.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

import fastebm as fe

# ---- the recipes ----
NOISE = 0.1  # added to v / 16 at every visit of a row
SHAPE = (8, 8)
STEP_SIZE = 0.0022
COMMON = {
    "n_steps": 8,
    "n_chains": 256,
    "batch_size": 128,
    "optimizer": "adam",
    "learning_rate": 3e-3,
    "betas": (0.9, 0.99),
    "schedule": "linear",
    "ema": 0.998,
    "data_noise": NOISE,
    "global_move": None,
    "l2": 0.003,
}
RECIPES = {
    "mlp": {
        "network": {"hidden": (256, 256), "loc": "mean", "scale": 0.3},
        "training": {"n_updates": 16000, "augment": fe.Shift(SHAPE, 1, prob=0.3, fill=0.0)},
        "certificate": {"n_chains": 256, "n_steps": 10000},
    },
    "conv": {
        "network": {"channels": (16, 32), "dense": (128,), "loc": 0.3, "scale": 0.35},
        "training": {"n_updates": 13000, "l2": 0.0035, "augment": fe.Shift(SHAPE, 1, prob=0.45, fill=0.0)},
        "certificate": {"n_chains": 256, "n_steps": 10000},
    },
}
SHORT = {
    "mlp": {"hidden": (32,)},
    "conv": {"channels": (4,), "dense": (16,)},
    "training": {"n_updates": 60, "ema": 0.9},
    "certificate": {"n_chains": 128, "n_steps": 1500},
}
# The best full-covariance mixture that was found (of K in 5 .. 40 and three floors, by the validation rows).
MIXTURE = {"n_components": 15, "covariance_type": "full", "reg_covar": 0.003}
COPIES = 20  # of the training rows, each with noise of its own, for the mixture
# ---------------------

SPLIT = Path(__file__).parent / "data" / "digits_split.npz"


def load(split=None):
    """Train, validation and test rows, v / 16: of the split in the file, or one drawn by a seed."""
    from sklearn.datasets import load_digits

    x = load_digits().data / 16.0
    if split is None:
        with np.load(SPLIT) as rows:
            parts = [rows[k] for k in ("itr", "iva", "ite")]
    else:
        parts = np.split(np.random.default_rng(split).permutation(len(x)), [1200, 1497])
    return [x[rows] for rows in parts]


def noisy(x, seed, copies=1):
    """Rows as the model knows them."""
    rng = np.random.default_rng(seed)
    return np.concatenate([x + NOISE * rng.standard_normal(x.shape) for _ in range(copies)])


def base_of(x):
    """The normal law of the training rows and their noise."""
    return fe.Gaussian(x.mean(axis=0), np.cov(x.T) + NOISE**2 * np.eye(x.shape[1]))


def network(model, x, **changes):
    options = RECIPES[model]["network"] | changes | {"base": base_of(x)}
    if isinstance(options["loc"], str):
        options["loc"] = x.mean(axis=0)
    return fe.NetworkEnergy.mlp(64, **options) if model == "mlp" else fe.NetworkEnergy.conv(SHAPE, **options)


def trainer_for(model, x, short=False):
    energy = network(model, x, **(SHORT[model] if short else {}))
    options = COMMON | RECIPES[model]["training"] | (SHORT["training"] if short else {})
    return fe.ContrastiveDivergence(energy, fe.MALA(STEP_SIZE), **options)


def picture(result, parts, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 6), layout="constrained")
    look = {"shape": SHAPE, "limits": (0, 1)}
    fe.plotting.plot_images(result.buffer.states[:18], data=parts[0], columns=3, ax=left, **look)
    left.set_title("chains, beside the nearest training row")
    fe.plotting.plot_odd_inputs(result.energy, parts[2], SHAPE, ax=right)
    right.set_title("energies of odd inputs")
    figure.savefig(path, dpi=110)


def main(arguments):
    from sklearn.mixture import GaussianMixture

    begun = time.perf_counter()
    train, val, test = load(arguments.split)
    seen = [noisy(part, seed) for seed, part in enumerate((train, val, test), 100)]
    trainer = trainer_for(arguments.model, train, arguments.short)
    print(f"{arguments.model}: {trainer.energy.n_params:,} parameters, {trainer.n_updates:,} updates")
    result = trainer.fit(train, seed=arguments.seed)
    trained = time.perf_counter() - begun
    options = SHORT["certificate"] if arguments.short else RECIPES[arguments.model]["certificate"]
    certified = result.certificate(seen[2], seed=arguments.seed, **options)
    total = time.perf_counter() - begun
    middle = sum(certified.log_partition) / 2
    train_ll, val_ll, test_ll = (-result.energy.energy(x).mean() - middle for x in seen)
    print(f"nats a row: train {train_ll:.2f}, validation {val_ll:.2f}, test {test_ll:.2f}")
    print(f"certified: {certified}")
    print(
        f"interval {certified.lower:.2f} to {certified.upper:.2f}, {certified.upper - certified.lower:.2f} wide"
    )
    print(f"base alone: {base_of(train).log_prob(seen[2]).mean():.2f}")
    print(f"time: training {trained:.1f} s, with the certificate {total:.1f} s")
    print(f"warnings: {', '.join(w.code for w in result.warnings) or 'none'}")

    changes = {"n_components": 4, "random_state": 0} if arguments.short else {"random_state": 0}
    mixture = GaussianMixture(**MIXTURE | changes).fit(noisy(train, 200, 2 if arguments.short else COPIES))
    rows = mixture.score_samples(seen[2])
    print(f"full-covariance mixture of {mixture.n_components} (scikit-learn): {rows.mean():.2f}")
    print(f"network against mixture: {certified.compare(rows)}")
    if arguments.picture:
        picture(result, seen, arguments.picture)


if __name__ == "__main__":
    # Printed with the result.
    warnings.simplefilter("ignore", fe.FastEBMWarning)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=tuple(RECIPES), default="mlp")
    parser.add_argument("--split", type=int, metavar="SEED", help="draw a split in place of the file's")
    parser.add_argument("--seed", type=int, default=1, help="of training")
    parser.add_argument("--picture", metavar="FILE", help="write samples and energies as a picture")
    parser.add_argument(
        "--short", "--quick", action="store_true", help="a small network, a minute's result in seconds"
    )
    main(parser.parse_args())
