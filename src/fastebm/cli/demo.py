"""What `fastebm demo` does: fit two wells to two data sets, and compare with maximum likelihood."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from .._runtime.seed import seed_sequence
from ..datasets import load_old_faithful, two_normals, two_normals_truth
from ..diagnostics.diagnostic import as_lines
from ..energies.well_mixture import WellMixture
from ..mixtures.em import maximum_likelihood_wells
from ..mixtures.starts import initial_wells
from ..training import ContrastiveDivergence, TrainingResult

# Old Faithful over 20 seeds, largest difference from maximum likelihood of any weight, mean or width: 2.1 % with the
# default 256 chains and 800 updates, 0.7 % with these.
RECIPE = {"n_updates": 2000, "n_chains": 1024}
LARGEST_BATCH = 1024
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Fit:
    """One data set, the energy trained on it and what to compare it with."""

    name: str
    label: str
    unit: str
    x: np.ndarray
    result: TrainingResult
    best: WellMixture
    truth: WellMixture | None
    held_out: dict
    seconds: float

    @property
    def energy(self) -> WellMixture:
        """The trained wells."""
        return cast(WellMixture, self.result.energy)

    def rows(self) -> list[dict]:
        """Weight, mean and width of both wells: data, maximum likelihood, trained, difference of the last two."""
        columns: list[Sequence[float | None]] = [_split(self.x), _wells(self.best), _wells(self.energy)]
        columns.append(_wells(self.truth) if self.truth else [None] * 6)
        unit = f" ({self.unit})" if self.unit else ""
        names = [
            f"{q} of well {j}{u}"
            for q, u in (("weight", ""), ("mean", unit), ("width", unit))
            for j in (1, 2)
        ]
        heads = ("quantity", "data", "maximum_likelihood", "trained", "truth")
        rows = [dict(zip(heads, row, strict=True)) for row in zip(names, *columns, strict=True)]
        for row in rows:
            best = row["maximum_likelihood"]
            row["difference"] = (row["trained"] - best) / abs(best)
        return rows

    def report(self) -> dict:
        """Everything the demo prints, as plain numbers and texts."""
        return {
            "data": self.name,
            "n_samples": len(self.x),
            "wells": self.rows(),
            "held_out_log_likelihood": self.held_out,
            "seconds": self.seconds,
            "n_updates": len(self.result.history),
            "n_chains": RECIPE["n_chains"],
            "acceptance_rate": self.result.acceptance_rate,
            "warnings": [" ".join(str(w).split()) for w in self.result.warnings],
        }


def _wells(energy: WellMixture) -> list[float]:
    order = np.argsort(energy.means_[:, 0])
    return [
        float(v) for part in (energy.weights_, energy.means_[:, 0], energy.stds_[:, 0]) for v in part[order]
    ]


def _split(x: np.ndarray) -> list[float]:
    """Shares, means and standard deviations on either side of the widest dip: midway between the k-means centres."""
    cut = initial_wells(x, 2, seed=0, n_init=1).means_.mean()
    sides = x[x < cut], x[x >= cut]
    return [float(f(s)) for f in (lambda s: len(s) / len(x), np.mean, np.std) for s in sides]


def _train(x, seed, progress) -> TrainingResult:
    batch = min(len(x), LARGEST_BATCH)
    # From the k-means groups as they are, so that there is something to watch.
    start = initial_wells(x, 2, seed=0, n_init=1)
    left = np.argsort(start.means_[:, 0])
    start = WellMixture.from_mixture(start.weights_[left], start.means_[left], start.stds_[left])
    trainer = ContrastiveDivergence(start, batch_size=batch, **RECIPE)
    return trainer.fit(x, seed=seed, progress=progress)


def _mean_log_prob(energy, x) -> float:
    return float(energy.log_prob(x).mean())


def fit_old_faithful(seed=1, progress: bool = False) -> Fit:
    """Fit all 272 eruption times; the held-out log-likelihood is by 5-fold cross-validation."""
    fit_seed, fold_seed = seed_sequence(seed).spawn(2)
    x = load_old_faithful()[:, 0]
    begin = time.perf_counter()
    result = _train(x, fit_seed, progress)
    seconds = time.perf_counter() - begin
    fold = np.random.default_rng(fold_seed).permutation(len(x)) % FOLDS
    scores: dict[str, list[float]] = {"trained": [], "maximum_likelihood": []}
    for k, child in enumerate(fold_seed.spawn(FOLDS)):
        kept, out = x[fold != k], x[fold == k]
        scores["trained"] += list(_train(kept, child, progress).energy.log_prob(out))
        scores["maximum_likelihood"] += list(maximum_likelihood_wells(kept).log_prob(out))
    held_out = {name: float(np.mean(v)) for name, v in scores.items()} | {
        "how": f"{FOLDS}-fold cross-validation"
    }
    best = maximum_likelihood_wells(x)
    return Fit("Old Faithful", "eruption time (min)", "min", x, result, best, None, held_out, seconds)


def fit_two_normals(seed=1, progress: bool = False, n: int = 2400) -> Fit:
    """Fit 2,400 draws of the notebook's mixture; the held-out log-likelihood is on 2,400 fresh draws."""
    data_seed, fresh_seed, fit_seed = seed_sequence(seed).spawn(3)
    x, fresh, truth = two_normals(n, data_seed), two_normals(n, fresh_seed), two_normals_truth()
    begin = time.perf_counter()
    result = _train(x, fit_seed, progress)
    seconds = time.perf_counter() - begin
    best = maximum_likelihood_wells(x)
    held_out = {
        "trained": _mean_log_prob(result.energy, fresh),
        "maximum_likelihood": _mean_log_prob(best, fresh),
        "truth": _mean_log_prob(truth, fresh),
        "how": f"{n:,} fresh draws",
    }
    return Fit("the notebook's mixture", "x", "", x, result, best, truth, held_out, seconds)


def table(fit: Fit) -> str:
    """The demo's table, as text."""
    kinds = [k for k in ("truth", "data", "maximum_likelihood", "trained") if fit.truth or k != "truth"]
    heads = {"truth": "truth", "data": "data, split", "maximum_likelihood": "max. likelihood"}
    heads["trained"] = "trained energy"
    lines = [f"{fit.name}: {len(fit.x):,} values, two wells", ""]
    lines.append(" " * 24 + "".join(f"{heads[k]:>17}" for k in kinds) + f"{'difference':>13}")
    for row in fit.rows():
        numbers = "".join(f"{row[k]:17.4f}" for k in kinds)
        lines.append(f"{row['quantity']:<24}{numbers}{100 * row['difference']:+11.2f} %")
    scores = fit.held_out
    numbers = "".join(f"{scores[k]:17.4f}" if k in scores else " " * 17 for k in kinds)
    lines.append(
        f"{'held-out log-likelihood':<24}{numbers}{scores['trained'] - scores['maximum_likelihood']:+13.4f}"
    )
    result = fit.result
    lines += [
        "",
        f"held out: {scores['how']}, in nats per value",
        f"training: {len(result.history):,} updates of {RECIPE['n_chains']:,} chains in {fit.seconds:.2f} s, "
        f"{100 * (result.acceptance_rate or 0.0):.0f} % of the moves accepted",
    ]
    lines += as_lines(result.warnings, result.not_checked)
    return "\n".join(lines)


def picture(fits: list[Fit]):
    """Draw the demo's picture: density, energy, both phases and parameters, one column per data set.

    Returns
    -------
    matplotlib Figure
        On no display: it is not known to pyplot.
    """
    from ..plotting import plot_density, plot_energy, plot_parameters, plot_phases
    from ..plotting._canvas import figure, legend_above

    sheet = figure((8.0, 9.4))
    grid = sheet.subplots(4, len(fits), squeeze=False)
    for fit, (density, energy, phases, parameters) in zip(fits, grid.T, strict=True):
        plot_density(fit.result.energy, fit.x, labels=fit.label, reference=fit.truth or fit.best, ax=density)
        density.lines[1].set_label("truth" if fit.truth else "maximum likelihood")
        plot_energy(fit.result.energy, fit.x, labels=fit.label, ax=energy)
        plot_phases(fit.result, ax=phases)
        plot_parameters(fit.result, ax=parameters)
        for ax, columns in ((density, 3), (energy, 4), (phases, 2), (parameters, 6)):
            legend_above(ax, columns)
        density.set_title(fit.name, fontsize="medium", pad=24)
    sheet.align_ylabels(grid)
    return sheet
