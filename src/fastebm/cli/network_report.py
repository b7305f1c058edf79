"""A fit of a network as one self-contained HTML page."""

from __future__ import annotations

import html

import numpy as np

from ..diagnostics import rhat
from ..fitting.scaled_network import moves_of
from ..plotting import plot_paths, plot_phases
from ..plotting._canvas import BLUE, GREEN, GREY, ORANGE, legend_above, plain_ticks
from .page import page, pictures, settings_of, table_of, warnings_of
from .report import EVERY, MOST_PAIRS, N_CHAINS, N_STEPS, _data_table, _draw_fit, _pair_picture, panels


def _density(summary):
    d = summary.model.n_features
    if d > 2:
        more = f" (the first {MOST_PAIRS} columns)" if d > MOST_PAIRS else ""
        return [_pair_picture(summary)], f"Data in grey, samples of the model in blue{more}."
    return panels(lambda pair: _draw_fit(summary, pair)), "Density over the data, and the energy."


def _certificate(summary) -> str:
    held = summary.model.held_out
    body = [
        ["network, between", f"{held['lower']:.4f} and {held['upper']:.4f}"],
        ["standard error of the mean over these rows", f"{held['standard_error']:.2g}"],
        ["wells, fitted without these rows", f"{held['wells']:.4f}"],
        ["the network is better by at least", f"{held['gain']:.4f} ± {held['gain_error']:.2g}"],
    ]
    table = table_of([f"{held['n_rows']:,} rows held out", "log-likelihood, nats per row"], body)
    return table + (
        "<p>The two ends hold what is not known of log Z. The error of the gain is that of the differences row by row. "
        "Other rows, as many, chose the wells and where training stopped.</p>"
    )


def _draw_training(model, axes_pair):
    left, right = axes_pair
    training = model.training
    plot_phases(training, ax=left)
    legend_above(left, 2)
    seen = training.validation
    level = 0.5 * (model.held_out["lower"] + model.held_out["upper"])
    # Along the run log Z is known up to a constant: the certificate gives that of the best update.
    at = seen["log_likelihood"] - seen["log_likelihood"].max() + level
    right.plot(seen["update"], at, color=BLUE, label="network")
    right.axhline(model.held_out["wells"], color=GREY, ls="--", label="wells")
    right.axvline(training.best_update, color=GREEN, lw=1, label="taken")
    right.set(xlabel="update", ylabel="held out (nats per row)")
    legend_above(plain_ticks(right), 3)


def _chains(summary):
    """Pictures of fresh chains from where training left its own, in the units of the data, and their largest R-hat."""
    model = summary.model
    start = np.reshape(model.training.buffer.states, (-1, model.n_features))[:N_CHAINS]
    trace = moves_of(model.training).sample(model.network, start, N_STEPS, seed=0, thin=EVERY)
    energies = model.network.energy(trace[-1])
    data = model.network.energy((summary.table.x - model.offset) / model.scale)
    seen = model.offset + model.scale * trace
    sheets = panels(lambda pair: _draw_chains(summary, seen, energies, data, pair))
    return sheets, float(np.nanmax(rhat(trace)))


def _draw_chains(summary, seen, energies, data, axes_pair):
    model, (left, right) = summary.model, axes_pair
    if model.n_features <= 2:
        shown = seen[:, :, 0] if model.n_features == 1 else seen[:60]
        plot_paths(model.energy_, shown, every=EVERY, labels=summary.table.names, ax=left)
    else:
        steps = EVERY * np.arange(1, len(seen) + 1)
        for path in seen[:, :4, 0].T:
            left.plot(steps, path, lw=1)
        left.set(xlabel="step", ylabel=summary.table.names[0])
        plain_ticks(left)
    # A few rows far out would leave nothing to see of the others.
    edges = np.linspace(*np.percentile(np.concatenate([energies, data]), [0, 99]), 40)
    right.hist(data, edges, density=True, color=GREY, alpha=0.6, label="data")
    right.hist(energies, edges, density=True, histtype="step", color=ORANGE, lw=1.5, label="chains")
    right.set(xlabel="energy (nats)", ylabel="share per nat", ylim=(0, 1.2 * right.get_ylim()[1]))
    legend_above(plain_ticks(right), 2)


def report_page(summary) -> str:
    """Return a self-contained HTML page: data, certificate, density, training, chains, diagnostics, how to repeat it.

    Parameters
    ----------
    summary : NetworkSummary

    Returns
    -------
    str
        Without scripts and without references to other files; pictures are embedded.
    """
    facts, model, table = summary.as_dict(), summary.model, summary.table
    d = model.n_features
    left_out = f", {table.dropped:,} with missing cells left out" if table.dropped else ""
    layers = "-".join(map(str, [d, *facts["hidden"], 1]))
    taken = (
        f"a network {layers}"
        if model.better
        else f"{model.wells.n_wells} wells, for the network is no better"
    )
    sheets, caption = _density(summary)
    chains, worst = _chains(summary)
    parts = [
        f"<p>{len(table.x):,} rows of {d} column{'s' * (d > 1)} from <code>{html.escape(summary.source)}</code>"
        f"{left_out}; {taken}; mean log-likelihood {facts['log_likelihood']:.4f} nats per row of all.</p>",
        "<h2>Data</h2>",
        _data_table(table),
        "<h2>Certificate</h2>",
        _certificate(summary),
        "<h2>Density and energy landscape</h2>" if d <= 2 else "<h2>Density</h2>",
        pictures(sheets, caption),
        "<h2>Training curves</h2>",
        pictures(
            panels(lambda pair: _draw_training(model, pair)),
            "First: mean energy of the data and of the chains, which meet at the optimum. Second: log-likelihood of "
            "the rows held out, by annealing along the run.",
        ),
        "<h2>Chains of the network</h2>",
        pictures(
            chains,
            f"First: the first few of {N_CHAINS} chains that go on for {N_STEPS} steps from where training left them "
            f"(largest R-hat {worst:.3f}). Second: energies of the data and of the ends of these chains.",
        ),
        "<h2>Diagnostics</h2>",
    ]
    parts += warnings_of(facts)
    if facts["acceptance_rate"] is not None:
        parts.append(f"<p>The sampler accepted {100 * facts['acceptance_rate']:.1f} % of its moves.</p>")
    return page(summary.source, parts + settings_of(facts))
