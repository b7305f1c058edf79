"""Why does the notebook's energy-based model miss its data, and what does the library say about it?

Run: python examples/study_of_failure.py [--out study_of_failure.png] [--quick]      Needs the 'plot' extra.

One recipe and its failures, one at a time: the number of Langevin steps, the noise, where the chains start, the number
of updates, the accept step, the global move. For each: the density that was learned, its divergence from the truth, and
the warnings that `fastebm.diagnose` raises.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

import fastebm as fe

# They fail on purpose, and what they say of themselves is printed below.
warnings.simplefilter("ignore", fe.FastEBMWarning)

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
X = TRUTH.exact_sample(2400, seed=7)[:, 0]
GRID = np.linspace(-6, 6, 2401)
WIDE = np.linspace(-9, 9, 9001)
# Okabe and Ito's colours, which colour-blind readers can tell apart; line styles repeat the distinction.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#999999"

WARM = fe.SGLD(0.055, bounds=(-6, 6))


def notebook(**changes):
    return fe.ContrastiveDivergence.notebook(**changes)


def default(**changes):
    return fe.ContrastiveDivergence(fe.WellMixture(theta=[0, -0.2, 0, 0, 0.2, 0, 0]), **changes)


RUNS = {
    "cold, 1 step": notebook(n_steps=1, n_updates=140, batch_size=64, n_chains=64),
    "cold, 5 steps": notebook(n_steps=5, n_updates=140, batch_size=64, n_chains=64),
    "cold, 35 steps": notebook(n_steps=35, n_updates=140, batch_size=64, n_chains=64),
    "cold, 30 steps (notebook)": notebook(),
    "warm, 30 steps": notebook(sampler=WARM),
    "warm, 30 % afresh, 4,000 updates": notebook(sampler=WARM, n_updates=4000),
    "persistent chains + MALA": default(global_move=None, n_updates=4000),
    "the same + global move (default)": default(),
}


def train(trainer, quick):
    if quick:
        trainer = trainer.replace(n_updates=min(trainer.n_updates, 400))
    return trainer.fit(X, seed=3)


def divergence(energy) -> float:
    """KL(true law || model) in nats."""
    logs = TRUTH.log_prob(WIDE)
    return float((np.exp(logs) * (logs - energy.log_prob(WIDE))).sum() * (WIDE[1] - WIDE[0]))


def path(result, points=60):
    """(updates, KL) along a run, from the theta in its history."""
    history = result.history
    steps = np.unique(np.geomspace(1, len(history), points).astype(int)) - 1
    energy = fe.WellMixture()
    values = []
    for step in steps:
        energy.theta = history["theta"][step]
        values.append(divergence(energy))
    return steps + 1, values


def densities(axis, results, names, colours, title):
    axis.fill_between(GRID, np.exp(TRUTH.log_prob(GRID)), color=GREY, alpha=0.35, lw=0, label="truth")
    for name, colour, style in zip(names, colours, ("-", "--", ":"), strict=False):
        energy = results[name].energy
        label = f"{name}: {divergence(energy):.4f} nats"
        axis.plot(GRID, np.exp(energy.log_prob(GRID)), color=colour, ls=style, lw=2, label=label)
    axis.set(
        title=title,
        xlabel="x (units of the data)",
        ylabel="density (1 / unit of x)",
        xlim=(-5, 5),
        ylim=(0, 1.42),
    )
    axis.legend(frameon=False, fontsize=8.5, loc="upper left", title="KL(truth || model)", title_fontsize=8.5)


def paths(axis, results, quick):
    styles = {
        "cold, 30 steps": (train(notebook(n_updates=4000), quick), RED, "-"),
        "warm, 30 % afresh": (results["warm, 30 % afresh, 4,000 updates"], ORANGE, "--"),
        "persistent chains + MALA": (results["persistent chains + MALA"], BLUE, ":"),
        "the same + global move (default)": (train(default(n_updates=4000), quick), GREEN, "-."),
    }
    for name, (result, colour, style) in styles.items():
        axis.plot(*path(result), color=colour, ls=style, lw=2, label=name)
    axis.axvline(381, color=GREY, lw=1)
    axis.text(370, 5.5, "notebook stops", ha="right", va="top", fontsize=8.5, color="#555555")
    axis.set(
        title="Longer is not better", xlabel="updates", ylabel="KL(truth || model), nats", xscale="log", yscale="log",
        ylim=(3e-4, 8),
    )  # fmt: skip
    axis.legend(frameon=False, fontsize=8.5, loc="lower left")


def warnings_table(axis, results):
    codes = sorted({w.code for r in results.values() for w in r.warnings})
    names = list(results)
    for row, name in enumerate(names):
        raised = {w.code for w in results[name].warnings}
        for column, code in enumerate(codes):
            if code in raised:
                axis.plot(column, row, "s", color=RED, ms=11)
            else:
                axis.plot(column, row, ".", color=GREY, ms=4)
        if not raised:
            axis.plot(len(codes), row, "P", color=GREEN, ms=11)
    axis.set_yticks(range(len(names)), names, fontsize=9)
    axis.set_xticks(range(len(codes) + 1), [*codes, "no warning"], rotation=35, ha="right", fontsize=9)
    axis.set(xlim=(-0.5, len(codes) + 0.5), ylim=(len(names) - 0.5, -0.5), title="What the diagnostics say")
    for side in ("top", "right", "left", "bottom"):
        axis.spines[side].set_visible(False)
    axis.tick_params(length=0)


def main(out: str, quick: bool) -> None:
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        raise SystemExit("this example needs matplotlib; install fastebm with its 'plot' extra") from None
    results = {name: train(trainer, quick) for name, trainer in RUNS.items()}
    names = list(results)
    for name, result in results.items():
        left = result.energy.weights_[result.energy.means_[:, 0] < 0].sum()
        print(f"\n{name}: KL {divergence(result.energy):.4f} nats, mass of the left well {left:.3f}")
        for warning in result.warnings:
            print("  " + str(warning).replace("\n", "\n  "))
    figure = plt.figure(figsize=(15, 9.5), layout="constrained")
    rows = figure.subfigures(2, 1)
    top = rows[0].subplots(1, 3)
    below = rows[1].subfigures(1, 2, width_ratios=(1, 2))
    densities(top[0], results, names[:3], (RED, ORANGE, BLUE), "Short and long SGLD (140 updates)")
    densities(top[1], results, names[3:5], (RED, BLUE), "Cold and warm noise (381 updates)")
    densities(top[2], results, names[5:], (ORANGE, BLUE, GREEN), "Where the chains come from")
    paths(below[0].subplots(), results, quick)
    warnings_table(below[1].subplots(), results)
    figure.suptitle(
        "One recipe, its failures one at a time, and the recipe that has none of them", fontsize=14
    )
    figure.savefig(out, dpi=120)
    print(f"\nwrote {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="study_of_failure.png", help="where to write the picture")
    parser.add_argument("--quick", action="store_true", help="at most 400 updates: runs, but shows less")
    arguments = parser.parse_args()
    main(arguments.out, arguments.quick)
