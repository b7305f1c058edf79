"""A fit as one self-contained HTML page, and as one picture."""

from __future__ import annotations

import html

import numpy as np

from ..energies.normals import principal_scales
from ..plotting import (
    plot_buffer,
    plot_density,
    plot_energy,
    plot_gap,
    plot_landscape,
    plot_occupancy,
    plot_pairs,
    plot_parameters,
    plot_paths,
    plot_phases,
)
from ..plotting._canvas import figure, legend_above
from ..samplers import MALA
from ..training import ReplayBuffer
from .page import PANEL, page, pictures, settings_of, table_of, warnings_of

# Chains and steps of the run that the report shows.
N_CHAINS, N_STEPS, EVERY = 200, 400, 2
# More features than this make a pair plot that nobody can read.
MOST_PAIRS = 6
# More parameters than this make curves that nobody can tell apart.
MOST_CURVES = 13


def _draw_fit(summary, axes_pair):
    energy = summary.model.energy_
    kept = _kept(summary)
    x, names = summary.table.x[:, kept], [summary.table.names[j] for j in kept]
    if energy.n_features == 1:
        plot_density(energy, x, labels=names, ax=axes_pair[0])
        # The wells of transformed columns are no parabolas.
        plain = not hasattr(energy, "preparation")
        plot_energy(energy, x, labels=names, wells=plain, ax=axes_pair[1])
        for ax, columns in zip(axes_pair, (2, 4), strict=True):
            legend_above(ax, columns)
    else:
        plot_landscape(energy, x, what="density", labels=names, log_partition=0.0, ax=axes_pair[0])
        plot_landscape(energy, labels=names, ax=axes_pair[1], bounds=_bounds(x))


def _kept(summary):
    """The columns that the density is of, by number."""
    model = summary.model
    return list(model.preparation.kept if hasattr(model, "preparation") else range(model.n_features))


def _bounds(x):
    margin = 0.08 * np.ptp(x, axis=0)
    return list(zip(x.min(axis=0) - margin, x.max(axis=0) + margin, strict=True))


def _draw_training(training, axes_pair):
    plot_phases(training, ax=axes_pair[0])
    legend_above(axes_pair[0], 2)
    if training.energy.n_params <= MOST_CURVES:
        plot_parameters(training, ax=axes_pair[1])
        axes_pair[1].set_ylabel("parameter (standardised data)")
        legend_above(axes_pair[1], 6, "x-small")
    else:
        plot_gap(training, ax=axes_pair[1])


def _pair_picture(summary):
    shown = _kept(summary)[:MOST_PAIRS]
    d, names = len(shown), [summary.table.names[j] for j in shown]
    sheet = figure((1.9 * d + 0.8, 1.7 * d + 0.6))
    drawn = summary.model.sample(2000, seed=0)[:, shown]
    x = summary.table.x[:, shown]
    plot_pairs(x, model_samples=drawn, labels=names, ax=sheet.subplots(d, d, squeeze=False))
    return sheet


def fit_picture(summary):
    """Draw the fit: density and energy over the data and the training curves; all pairs above two features.

    Returns
    -------
    matplotlib Figure
    """
    if summary.model.energy_.n_features > 2:
        return _pair_picture(summary)
    training = summary.model.training
    rows = 2 if training is not None and len(training.history) else 1
    sheet = figure((9.6, 3.6 * rows))
    grid = sheet.subplots(rows, 2, squeeze=False)
    _draw_fit(summary, grid[0])
    if rows == 2:
        _draw_training(training, grid[1])
    sheet.align_ylabels(grid[:, 0])
    return sheet


def panels(draw, n=2) -> list:
    """n figures of one panel each, drawn by draw(list of their Axes)."""
    sheets = [figure(PANEL) for _ in range(n)]
    draw([sheet.subplots() for sheet in sheets])
    return sheets


def _in_units(model, z):
    """States of the wells in units of the kept columns."""
    inner = getattr(model, "inner", model)
    x = inner.offset + inner.scale * z
    if inner is model:
        return x
    rows = model.preparation.inverse(x.reshape(-1, x.shape[-1]), rounded=False)
    return rows[:, model.preparation.kept].reshape(x.shape)


def _draw_chains(summary, axes_pair):
    """Fresh chains from where training left its own (or from samples), shown in the units of the data."""
    left, right = axes_pair
    whole = summary.model
    # Of transformed columns: the wells in units of these.
    model = getattr(whole, "inner", whole)
    states = np.reshape(model.training.buffer.states, (-1, model.n_features)) if model.training else None
    start = model.wells.exact_sample(N_CHAINS, seed=0) if states is None else states[:N_CHAINS]
    # A quarter of the narrowest variance: MALA then accepts about 95 % of its moves.
    sampler = MALA(0.25 * float(principal_scales(model.wells).min()) ** 2)
    trace = sampler.sample(model.wells, start, N_STEPS, seed=0, thin=EVERY)
    plot_occupancy(model.wells, trace, every=EVERY, ax=right)
    seen = _in_units(whole, trace)
    labels = [summary.table.names[j] for j in _kept(summary)]
    if model.n_features <= 2:
        shown = seen[:, :, 0] if model.n_features == 1 else seen[:60]
        plot_paths(whole.energy_, shown, every=EVERY, labels=labels, ax=left)
    else:
        store = ReplayBuffer(len(start))
        store.push(_in_units(whole, start)[:, 0])
        plot_buffer(store, labels=labels[0], ax=left)


def _data_table(table) -> str:
    quartiles = np.percentile(table.x, [0, 25, 50, 75, 100], axis=0)
    body = [
        [name, f"{x.mean():.5g}", f"{x.std():.4g}", *(f"{q:.5g}" for q in quartiles[:, i])]
        for i, (name, x) in enumerate(zip(table.names, table.x.T, strict=True))
    ]
    return table_of(["column", "mean", "std", "min", "25 %", "median", "75 %", "max"], body)


def _wells_table(summary) -> str:
    # In the order of their numbers, which the pictures use too.
    wells = sorted(summary.wells())
    body = [["weight", *(f"{weight:.4f}" for _, weight, _ in wells)]]
    body += [
        [f"{name}: mean ± width", *(cells[i] for *_, cells in wells)]
        for i, name in enumerate(summary.table.names)
    ]
    lines = "".join(
        f"<p>{html.escape(' '.join(line.split()))}</p>" for line in summary.correlations(numbered=True)
    )
    return table_of(["", *(f"well {j}" for j, *_ in wells)], body) + lines


def _diagnosis(summary, facts) -> str:
    training = summary.model.training
    lines = warnings_of(facts)
    if training is None:
        lines.append('<p class="fine">Found by expectation-maximisation: there are no chains to doubt.</p>')
        return "".join(lines)
    if training.acceptance_rate is not None:
        lines.append(f"<p>The sampler accepted {100 * training.acceptance_rate:.1f} % of its moves.</p>")
    if len(training.history):
        gap = training.history["energy_gap"][len(training.history) // 2 :]
        lines.append(
            f"<p>Over the second half of training, the energy of the data was {abs(gap.mean()):.3g} nats "
            f"{'above' if gap.mean() > 0 else 'below'} that of the chains on average (0 at the optimum; single "
            f"updates scatter by {gap.std():.2g}).</p>"
        )
    return "".join(lines)


def report_page(summary) -> str:
    """Return a self-contained HTML page: data, fit, training, chains, diagnostics in words, how to reproduce it.

    Parameters
    ----------
    summary : FitSummary

    Returns
    -------
    str
        Without scripts and without references to other files; pictures are embedded.
    """
    facts, model, table = summary.as_dict(), summary.model, summary.table
    d = model.n_features
    left_out = f", {table.dropped:,} with missing cells left out" if table.dropped else ""
    parts = [
        f"<p>{len(table.x):,} rows of {d} column{'s' * (d > 1)} from <code>{html.escape(summary.source)}</code>"
        f"{left_out}; {model.n_wells} well{'s' * (model.n_wells > 1)}; mean log-likelihood "
        f"{facts['log_likelihood']:.4f} nats per row (on the rows fitted).</p>"
    ]
    parts += ["<h2>Data</h2>", _data_table(table)]
    if facts["transforms"]:
        body = list(facts["transforms"].items())
        parts += [
            "<h2>What was done with the columns</h2>",
            table_of(["column", "transform"], body, words=True),
        ]
    # Those that the density is of.
    d = len(_kept(summary))
    title = "Density and energy landscape" if d <= 2 else "Density"
    parts += [f"<h2>{title}</h2>", _wells_table(summary)]
    if d <= 2:
        sheets = panels(lambda pair: _draw_fit(summary, pair))
        caption = "Density over the data, and the energy, whose wells are the modes."
    else:
        sheets = [_pair_picture(summary)]
        more = f" (the first {MOST_PAIRS} columns)" if d > MOST_PAIRS else ""
        caption = f"Data in grey, samples of the model in blue{more}."
    parts.append(pictures(sheets, caption))
    if facts["held_out"]:
        body = [[r["n_wells"], f"{r['log_likelihood']:.4f}"] for r in facts["held_out"]]
        taken = [r["n_wells"] for r in facts["held_out"]].index(model.n_wells)
        parts += [
            "<p>Held-out log-likelihood, nats per row; the smallest number of wells is taken that no larger one "
            "beats clearly.</p>",
            table_of(["wells", "held out"], body, chosen=taken),
        ]
    training = model.training
    if training is None:
        parts += ["<h2>Training curves</h2>", "<p>None: the fit was found by expectation-maximisation.</p>"]
    elif len(training.history):
        right = "the parameters" if training.energy.n_params <= MOST_CURVES else "the gap between them"
        caption = (
            f"First: mean energy of the data and of the chains, which meet at the optimum. Second: {right}."
        )
        parts += [
            "<h2>Training curves</h2>",
            pictures(panels(lambda pair: _draw_training(training, pair)), caption),
        ]
    left = "the first few" if d <= 2 else "the starts, in the first column,"
    heaviest = float(model.weights_.max())
    scatter = 100 * (heaviest * (1 - heaviest) / N_CHAINS) ** 0.5
    caption = (
        f"First: {left} of {N_CHAINS} fresh chains under MALA alone. Second: the share of all in each well beside the "
        f"model's weights; from one set of {N_CHAINS} chains to the next it scatters by {scatter:.1f} points."
    )
    chains = panels(lambda pair: _draw_chains(summary, pair))
    parts += ["<h2>Chains</h2>", pictures(chains, caption)]
    parts += ["<h2>Diagnostics</h2>", _diagnosis(summary, facts)]
    return page(summary.source, parts + settings_of(facts))
