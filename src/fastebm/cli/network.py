"""`fastebm fit --model network`: the same table in, a certified network out, or the wells where it is not better."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

from .._runtime.errors import FastEBMWarning
from .._runtime.info import __version__
from .._runtime.seed import seed_sequence
from ..fitting.network import fit_network
from ..fitting.scaled_network import ScaledNetwork
from .fit import _joined
from .tables import Table
from .words import SPREAD, chosen, spoken


@dataclass(frozen=True, eq=False)
class NetworkSummary:
    """A fit with all that the table, the JSON and the report say about it."""

    source: str
    table: Table
    model: ScaledNetwork
    settings: dict
    seconds: float

    @property
    def log_likelihood(self) -> float:
        """Mean log-density of all rows of the table, in nats."""
        return float(self.model.score_samples(self.table.x).mean())

    @property
    def warnings(self) -> list[str]:
        """What the diagnostics had to say about the fit, a line each."""
        # A network takes no transforms.
        return [
            chosen(spoken(str(w)).replace(SPREAD, ""), "--model wells --wells") for w in self.model.warnings
        ]

    @property
    def widths(self) -> list[int]:
        """Widths of the hidden layers."""
        return [int(layer[1]) for layer in self.model.network.layers if layer[0] == "dense"]

    def command(self) -> str:
        """The command that gives this fit again."""
        s = self.settings
        words = ["fastebm fit", shlex.quote(self.source), "--columns", shlex.quote(_joined(self.table.names))]
        words += ["--model network --seed", str(s["seed"])]
        if s["hidden"] != "auto":
            words += ["--hidden", ",".join(map(str, s["hidden"]))]
        if s["base"] != "auto":
            words += ["--base", s["base"]]
        if s["validation"] != 0.2:
            words += ["--validation", f"{s['validation']:g}"]
        if s["updates"] is not None:
            words += ["--updates", str(s["updates"])]
        if s["max_seconds"] is not None:
            words += ["--max-seconds", f"{s['max_seconds']:g}"]
        if s["header"] != "auto":
            words += ["--header", s["header"]]
        return " ".join(words + ["--drop-na"] * s["drop_na"] + [shlex.quote(w) for w in self.table.words])

    def as_dict(self) -> dict:
        """Plain numbers, lists and texts, for JSON."""
        model, training = self.model, self.model.training
        return {
            "fastebm": __version__,
            "data": self.source,
            "columns": list(self.table.names),
            "n_rows": len(self.table.x),
            "n_dropped": self.table.dropped,
            "notes": list(self.table.notes),
            "model": "network" if model.better else "wells",
            "hidden": self.widths,
            "n_wells": model.wells.n_wells,
            "covariance": model.wells.covariance,
            "held_out": model.held_out,
            "log_partition": {
                "value": model.log_partition,
                "lower": model.estimate.lower,
                "upper": model.estimate.upper,
                "method": model.estimate.method,
                "trusted": model.estimate.trusted,
            },
            "log_likelihood": self.log_likelihood,
            "n_updates": len(training.history),
            "best_update": training.best_update,
            "acceptance_rate": training.acceptance_rate,
            "warnings": self.warnings,
            "not_checked": [spoken(s) for s in model.not_checked],
            "settings": self.settings,
            "seconds": self.seconds,
            "command": self.command(),
        }

    def as_text(self) -> str:
        """The table that the command prints."""
        facts, held = self.as_dict(), self.model.held_out
        dropped = f" ({facts['n_dropped']:,} with missing cells left out)" if facts["n_dropped"] else ""
        wells = f"{facts['n_wells']} {facts['covariance']} well" + "s" * (facts["n_wells"] != 1)
        hidden = "-".join(map(str, facts["hidden"]))
        taken = f"network {hidden} on a base" if self.model.better else wells
        layout = [
            f"{self.source}: {facts['n_rows']:,} rows{dropped}, {taken}",
            "",
            f"network         {held['lower']:.4f} to {held['upper']:.4f} nats per row, certified on {held['n_rows']:,} "
            f"rows held out (+- {held['standard_error']:.2g})",
            f"{wells:<16}{held['wells']:.4f} nats per row on the same rows",
            f"gain            {held['gain']:.4f} +- {held['gain_error']:.2g} nats per row at least",
            f"all rows        {facts['log_likelihood']:.4f} nats per row",
            f"best update     {facts['best_update']:,} of {facts['n_updates']:,}",
            f"fitted in       {self.seconds:.2f} s",
        ]
        layout += facts["warnings"] + [f"not checked     {skipped}" for skipped in facts["not_checked"]]
        if not facts["warnings"] and not facts["not_checked"]:
            layout.append("warnings        none")
        return "\n".join(layout)


def fit_table(source, table: Table, arguments, progress=False) -> NetworkSummary:
    """Fit a table as the arguments of the command say."""
    begin = time.perf_counter()
    with catch_warnings():
        # They are printed with the table.
        simplefilter("ignore", FastEBMWarning)
        model = fit_network(
            table.x,
            hidden=arguments.hidden,
            base=arguments.base,
            validation=arguments.validation,
            n_updates=arguments.updates,
            max_seconds=arguments.max_seconds,
            # The second child, as the estimator and the wells have it.
            seed=seed_sequence(arguments.seed).spawn(2)[1],
            progress=progress,
            names=table.names,
        )
    used = {
        "model": "network",
        "hidden": arguments.hidden if isinstance(arguments.hidden, str) else list(arguments.hidden),
        "base": arguments.base,
        "validation": arguments.validation,
        "updates": arguments.updates,
        "max_seconds": arguments.max_seconds,
        "seed": arguments.seed,
        "header": arguments.header,
        "drop_na": table.dropped > 0,
    }
    return NetworkSummary(str(source), table, model, used, time.perf_counter() - begin)
