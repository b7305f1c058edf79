"""Print what the notebook's recipe and the default recipe learn, and what the diagnostics say of bad runs.

Run: python examples/truth_table.py [--sets 20] [--quick]
     python examples/truth_table.py --full [--csv truth.csv] [--rst truth.rst] [--seed 2001]

First table: data sets of 2,400 points from 0.55 N(-2, 0.45^2) + 0.45 N(1.8, 0.55^2), each trained by each recipe. KL is
KL(true law || model) in nats, by quadrature; the gap is KL less that of the exact maximum-likelihood fit to the same
data, which is the expected held-out log-likelihood that the trainer lost. Second table: how many of 20 runs raise which
warning. With --full another table: about 1,100 fits of wells in many situations, against multi-start maximum likelihood
by scikit-learn (truth/). It takes half an hour; what the CSV holds already is not run again.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

import fastebm as fe
from fastebm.mixtures.em import maximum_likelihood_wells

# Failures are wanted here, and their warnings are counted.
warnings.simplefilter("ignore", fe.FastEBMWarning)

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
GRID = np.linspace(-9, 9, 20_001)
STEP = GRID[1] - GRID[0]
LOG_TRUTH = TRUTH.log_prob(GRID)


def divergence(energy) -> float:
    """KL(true law || model): the sum is exact to 1e-12 for an integrand that vanishes at both ends."""
    return float((np.exp(LOG_TRUTH) * (LOG_TRUTH - energy.log_prob(GRID))).sum() * STEP)


def moments(energy) -> tuple[float, float]:
    """Standard deviation of the model, and its mass left of 0."""
    p = np.exp(energy.log_prob(GRID)) * STEP
    mean = (p * GRID).sum()
    return float(np.sqrt((p * (GRID - mean) ** 2).sum())), float(p[GRID < 0].sum())


RECIPES = {
    "maximum likelihood (EM)": lambda x, seed: maximum_likelihood_wells(x),
    "notebook recipe": lambda x, seed: fe.ContrastiveDivergence.notebook().fit(x, seed=seed).energy,
    "notebook, warm noise": lambda x, seed: (
        fe.ContrastiveDivergence.notebook(sampler=fe.SGLD(0.055, bounds=(-6, 6))).fit(x, seed=seed).energy
    ),
    "default recipe": lambda x, seed: fe.ContrastiveDivergence(fe.WellMixture()).fit(x, seed=seed).energy,
}


def spread(values) -> str:
    return f"{np.median(values):8.5f} [{min(values):8.5f} .. {max(values):8.5f}]"


def recipes(n_sets: int) -> None:
    print(f"{n_sets} data sets of 2,400 points; median [smallest .. largest]; ms: one fit with its warnings")
    print(f"the truth: std {moments(TRUTH)[0]:.4f}, P(left) {moments(TRUTH)[1]:.4f}\n")
    print(
        f"{'':24} {'KL to the truth, nats':33} {'gap to maximum likelihood, nats':33} {'std':7} {'P(left)':8} {'ms':>6}"
    )
    data = [TRUTH.exact_sample(2400, seed=1000 + s)[:, 0] for s in range(n_sets)]
    best = [divergence(maximum_likelihood_wells(x)) for x in data]
    for name, fit in RECIPES.items():
        kl, stds, left, times = [], [], [], []
        for s, x in enumerate(data):
            begin = time.perf_counter()
            energy = fit(x, s)
            times.append(time.perf_counter() - begin)
            kl.append(divergence(energy))
            std, mass = moments(energy)
            stds.append(std)
            left.append(mass)
        gaps = np.array(kl) - best
        print(
            f"{name:24} {spread(kl):33} {spread(gaps):33} {np.median(stds):7.4f} {np.median(left):8.4f} "
            f"{1e3 * np.median(times):6.1f}"
        )


def boxed(low, high):
    return fe.SGLD(0.055, bounds=(low, high))


def unstable(x, seed):
    x0 = np.random.default_rng(seed).uniform(-4.5, 4.5, 200)
    clamped = fe.WellMixture(theta=[2.95, 0.2, 0, 2.95, 0.3, 0, 0])
    return fe.diagnose(clamped, sampler=boxed(-6, 6), x0=x0, seed=seed)


def trained(recipe):
    return lambda x, seed: recipe().fit(x, seed=seed).warnings


NOTEBOOK, DEFAULT = fe.ContrastiveDivergence.notebook, fe.ContrastiveDivergence
RUNS = {
    "default recipe (100 runs)": trained(lambda: DEFAULT(fe.WellMixture())),
    "cold noise (notebook)": trained(NOTEBOOK),
    "5 SGLD steps": trained(lambda: NOTEBOOK(n_steps=5)),
    "5 SGLD steps, warm": trained(lambda: NOTEBOOK(n_steps=5, sampler=boxed(-6, 6))),
    "30 % reinitialised, 2,000 updates": trained(lambda: NOTEBOOK(sampler=boxed(-6, 6), n_updates=2000)),
    "no global move": trained(lambda: DEFAULT(fe.WellMixture(), global_move=None)),
    "200 updates at rate 0.016": trained(
        lambda: DEFAULT(fe.WellMixture(), learning_rate=0.016, n_updates=200)
    ),
    "step past stability": unstable,
    "box edge at 2.3": trained(lambda: NOTEBOOK(sampler=boxed(-2.3, 2.3))),
}


def diagnostics(n_runs: int) -> None:
    print(f"\nwarnings raised in {n_runs} runs each, with the smallest and largest value and the limit")
    for name, run in RUNS.items():
        count, values, limits = Counter(), {}, {}
        for seed in range(5 * n_runs if name.startswith("default") else n_runs):
            for w in run(TRUTH.exact_sample(2400, seed=2000 + seed)[:, 0], seed):
                count[w.code] += 1
                values.setdefault(w.code, []).append(w.value)
                limits[w.code] = w.threshold
        print(f"{name}: {'no warning' if not count else ''}")
        for code, times in count.most_common():
            low, high = min(values[code]), max(values[code])
            print(f"    {times:3d} x {code:28} {low:8.3g} .. {high:8.3g}   (limit {limits[code]:.3g})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", type=int, default=20, help="data sets and runs (default 20)")
    parser.add_argument("--quick", action="store_true", help="two data sets and runs")
    parser.add_argument("--full", action="store_true", help="the table of all situations; needs scikit-learn")
    parser.add_argument(
        "--csv", default="truth.csv", metavar="FILE", help="with --full: where every fit is kept"
    )
    parser.add_argument("--rst", metavar="FILE", help="with --full: write the table as reStructuredText too")
    parser.add_argument("--seed", type=int, default=2001, help="with --full: seed of the first data set")
    arguments = parser.parse_args()
    if arguments.full:
        from truth import table

        lines = table.full(arguments.csv, arguments.seed)
        print(table.as_text(lines))
        if arguments.rst:
            Path(arguments.rst).write_text(table.as_rst(lines))
        raise SystemExit
    n = 2 if arguments.quick else arguments.sets
    recipes(n)
    diagnostics(n)
