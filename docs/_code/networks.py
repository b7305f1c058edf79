"""Networks on the pages: short forms of what examples/toys.py and examples/digits.py do at full length."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import fastebm as fe
from fastebm import datasets, plotting

DOCS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(DOCS.parent / "examples"))

import digits as digits_example  # noqa: E402
import toys as toys_example  # noqa: E402

NAMES = {"eight_gaussians": "8 Gaussians", "moons": "moons", "checkerboard": "checkerboard", "rings": "rings"}
SMALL = {"hidden": (64, 64), "n_chains": 512, "batch_size": 256}
SHAPE = (8, 8)


def animate():
    """The picture of the first page: two moons, written beside the other figures of the build."""
    folder = DOCS / "_build" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    X = datasets.moons(3000, seed=1)
    trainer = toys_example.trainer_for("moons", X, **SMALL).replace(n_updates=900)
    plotting.animate_training(
        trainer,
        X,
        path=folder / "training.gif",
        n_frames=36,
        seed=1,
        size=(4.4, 4.0),
        bounds=[(-1.6, 2.6), (-1.1, 1.6)],
        diagnose=False,
    )


@functools.cache
def toy(name, updates=700):
    X, result, _ = toys_example.train(name, updates=updates, **SMALL)
    truth = getattr(datasets, name)
    fitted, alone = toys_example.divergences(truth, [result.energy, result.energy.base], X)
    return X, result, fitted, alone


def draw_toys():
    _, panels = plt.subplots(2, 2, figsize=(9.4, 7.6), layout="constrained")
    for ax, name in zip(panels.flat, NAMES, strict=True):
        X, result, kl, _ = toy(name)
        side = 1.15 * np.abs(X - X.mean(axis=0)).max(axis=0)
        box = [(m - s, m + s) for m, s in zip(X.mean(axis=0), side, strict=True)]
        plotting.plot_landscape(
            result.energy, what="density", bounds=box, arrows=15, chains=result.buffer.states[:150], ax=ax
        )
        ax.set_title(f"{NAMES[name]}: {kl:.2f} nats from the truth", fontsize="medium")


def print_toys():
    for name in NAMES:
        _, result, kl, alone = toy(name)
        print(
            f"{NAMES[name]:14} KL(truth, model) {kl:.3f} after {len(result.history)} updates; base alone {alone:.3f}"
        )


def digits(updates=700, noise=digits_example.NOISE, **changes):
    """A small network on the digits: (result, noisy rows of train, validation and test)."""
    parts = digits_example.load()
    seen = [digits_example.noisy(part, seed) for seed, part in enumerate(parts, 100)]
    energy = digits_example.network("mlp", parts[0], hidden=(96, 96))
    options = digits_example.COMMON | {"n_updates": updates, "ema": 0.99, "data_noise": noise} | changes
    trainer = fe.ContrastiveDivergence(
        energy, options.pop("sampler", fe.MALA(digits_example.STEP_SIZE)), **options
    )
    return trainer.fit(parts[0], X_val=parts[1], seed=1), seen


def cases():
    """What goes wrong, by name: the settings that do it."""
    h = digits_example.STEP_SIZE
    return {
        "as it should be": {},
        "cold noise": {"sampler": fe.SGLD(h, noise_std=0.26 * (2 * h) ** 0.5)},
        "too few steps": {"n_steps": 1, "buffer": "fifo", "buffer_size": 256, "reinit_prob": 0.9},
        "steps too large": {"sampler": fe.MALA(30 * h)},
        "memorisation": {"noise": 0.02, "l2": 0.0, "updates": 1500, "sampler": fe.MALA(h / 10)},
    }


@functools.cache
def case(name):
    return digits(**cases()[name])[0]


def show(name):
    """Train and print what the checks say."""
    result = case(name)
    print(f"{name}: warnings {', '.join(w.code for w in result.warnings) or 'none'}")
    for warning in result.warnings[:3]:
        print(f"  {warning}")


def gap(name):
    """Nats by which rows of training are likelier than rows held out: log Z is the same for both and cancels."""
    result = case(name)
    noise = cases()[name].get("noise", digits_example.NOISE)
    train, val, _ = digits_example.load()
    rng = np.random.default_rng(9)
    e = [result.energy.energy(x + noise * rng.standard_normal(x.shape)).mean() for x in (train, val)]
    return float(e[1] - e[0])


def diverged():
    """The message of a run whose learning rate is far too large."""
    train = digits_example.load()[0]
    trainer = digits_example.trainer_for("mlp", train, short=True).replace(learning_rate=1e12)
    try:
        trainer.fit(train, seed=1)
    except fe.TrainingError as error:
        print(f"{type(error).__name__}: {error}")
