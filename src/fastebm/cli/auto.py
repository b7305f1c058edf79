"""`fastebm fit --model auto` and `fastebm compare`: choices by rows that were not fitted."""

from __future__ import annotations

import math
import shlex
import time
from typing import Any
from warnings import catch_warnings, simplefilter

from .._runtime.errors import FastEBMWarning
from .._runtime.seed import seed_sequence
from ..fitting.auto import fit_auto
from ..fitting.compare import compare
from ..fitting.prepared import wells_of
from ..fitting.scaled_network import ScaledNetwork
from .figures import counted
from .fit import FitSummary, _joined, transforming
from .network import NetworkSummary
from .tables import Table, TableError, asked
from .words import spoken

# Candidates that the table shows, those of the density first.
SHOWN = 12


class _Chosen:
    """What both summaries say in the same way."""

    source: str
    table: Table
    model: Any
    settings: dict
    seconds: float
    warnings: list[str]
    log_likelihood: float

    def command(self) -> str:
        """The command that gives this fit again."""
        s = self.settings
        words = ["fastebm fit", shlex.quote(self.source), "--columns", shlex.quote(_joined(self.table.names))]
        words += ["--model auto --seed", str(s["seed"])]
        if s["max_wells"] is not None:
            words += ["--max-wells", str(s["max_wells"])]
        if s["hidden"] != "auto":
            words += ["--hidden", ",".join(map(str, s["hidden"]))]
        if s["max_seconds"] is not None:
            words += ["--max-seconds", f"{s['max_seconds']:g}"]
        words += transforming(s)
        if s["header"] != "auto":
            words += ["--header", s["header"]]
        return " ".join(words + ["--drop-na"] * s["drop_na"] + [shlex.quote(w) for w in self.table.words])

    def as_dict(self) -> dict:
        """Plain numbers, lists and texts, for JSON."""
        candidates = [
            {
                "family": str(c["family"]),
                "n_wells": int(c["n_wells"]),
                "shrinkage": float(c["shrinkage"]),
                "log_likelihood": float(c["log_likelihood"]),
                "standard_error": None if math.isnan(c["standard_error"]) else float(c["standard_error"]),
                "seconds": float(c["seconds"]),
                "weight": float(c["weight"]),
                "chosen": bool(c["chosen"]),
            }
            for c in self.model.candidates
        ]
        facts = super().as_dict()  # type: ignore[misc]
        model = "network" if facts.get("model") == "network" else "wells"
        return facts | {"model": model, "candidates": candidates}

    def as_text(self) -> str:
        """The table that the command prints."""
        table = self.model.candidates
        dropped = f" ({self.table.dropped:,} with missing cells left out)" if self.table.dropped else ""
        taken = table[table["chosen"]][0]
        said = (
            f"a network beside {self.model.wells.n_wells} wells"
            if taken["family"] == "network"
            else (f"{counted(int(taken['n_wells']))} of {int((table['weight'] > 0).sum()) - 1} fits")
        )
        lines = [f"{self.source}: {len(self.table.x):,} rows{dropped}, {said}", ""]
        lines.append(
            f"{'held out, nats per row':<24}{'wells':>6}{'shrinkage':>11}{'likelihood':>11}{'error':>9}{'weight':>8}"
        )
        order = sorted(range(len(table)), key=lambda i: (table["weight"][i] == 0, i))[:SHOWN]
        for c in table[sorted(order)]:
            wells = "" if c["family"] == "network" else str(c["n_wells"])
            shrinkage = f"{c['shrinkage']:.2g}" if c["shrinkage"] else ""
            error = "" if not c["standard_error"] > 0 else f"{c['standard_error']:.2g}"
            weight = f"{c['weight']:.2f}" if c["weight"] else ""
            mark = "  <- chosen" if c["chosen"] and c["weight"] == 1 else ""
            lines.append(
                f"{c['family']!s:<24}{wells:>6}{shrinkage:>11}{c['log_likelihood']:>11.4f}{error:>9}{weight:>8}{mark}"
            )
        if len(table) > len(order):
            lines.append(f"and {len(table) - len(order)} more")
        preparation = getattr(self.model, "preparation", None)
        if preparation is not None:
            lines += ["", *([self.model.why] if self.model.why else [])]
            lines += [f"column          {c.name}: {c}" for c in preparation.columns]
        lines += ["", f"log-likelihood  {self.log_likelihood:.4f} nats per row (on the rows fitted)"]
        lines.append(f"fitted in       {self.seconds:.2f} s")
        lines += self.warnings + [f"not checked     {spoken(skipped)}" for skipped in self.model.not_checked]
        if not self.warnings and not self.model.not_checked:
            lines.append("warnings        none")
        return "\n".join(lines)


class AutoWells(_Chosen, FitSummary):
    """Wells were chosen."""


class AutoNetwork(_Chosen, NetworkSummary):
    """A network was chosen."""


class _InUnits:
    """A network of transformed columns: the density in units of the table, and the network's own facts.

    What it says of the rows of its certificate is per unit of the transformed columns.
    """

    OUTSIDE = (
        "score_samples",
        "sample",
        "n_features",
        "names",
        "energy_",
        "warnings",
        "not_checked",
        "candidates",
        "preparation",
        "why",
    )

    def __init__(self, whole):
        self.whole = whole

    def __getattr__(self, name):
        return getattr(self.whole if name in self.OUTSIDE else self.whole.inner, name)


def _how(arguments):
    """What fit_auto is asked to do with the columns."""
    if arguments.cyclic:
        return {name: ("cyclic", period) for name, period in arguments.cyclic}
    return {None: "choose", "none": None}.get(arguments.preprocess, arguments.preprocess)


def fit_table(source, table: Table, arguments, progress=False) -> AutoWells | AutoNetwork:
    """Fit a table as the arguments of the command say."""
    begin = time.perf_counter()
    with catch_warnings():
        # They are printed with the table.
        simplefilter("ignore", FastEBMWarning)
        model = fit_auto(
            table.x,
            max_wells=arguments.max_wells,
            hidden=arguments.hidden,
            max_seconds=arguments.max_seconds,
            # The second child, as the estimator and the wells have it.
            seed=seed_sequence(arguments.seed).spawn(2)[1],
            progress=progress,
            names=table.names,
            preprocess=_how(arguments),
        )
    used = {
        "model": "auto",
        "max_wells": arguments.max_wells,
        "hidden": arguments.hidden if isinstance(arguments.hidden, str) else list(arguments.hidden),
        "max_seconds": arguments.max_seconds,
        "seed": arguments.seed,
        "preprocess": arguments.preprocess,
        "cyclic": [f"{name}={period!r}" for name, period in arguments.cyclic or ()] or None,
        "header": arguments.header,
        "drop_na": table.dropped > 0,
    }
    seconds = time.perf_counter() - begin
    if isinstance(model, ScaledNetwork) or wells_of(model) is None:
        network: Any = model if isinstance(model, ScaledNetwork) else _InUnits(model)
        return AutoNetwork(str(source), table, network, used, seconds)
    return AutoWells(str(source), table, model, None, used, seconds)


def run_compare(arguments, progress, output, print_json):
    """`fastebm compare`."""
    table = asked(arguments, progress)
    source = "standard input" if arguments.data == "-" else arguments.data
    try:
        result = compare(
            table.x,
            arguments.methods,
            n_folds=arguments.folds,
            max_seconds=arguments.max_seconds,
            seed=arguments.seed,
            progress=progress,
            names=table.names,
        )
    except ValueError as error:
        text = spoken(str(error).removeprefix("X: ")).replace(", or say --preprocess auto", "")
        raise TableError(f"{source}: {text}") from None
    if arguments.json:
        print_json(
            {"data": source, "columns": list(table.names), "n_dropped": table.dropped} | result.as_dict()
        )
        return
    dropped = f"; {table.dropped:,} rows with missing cells left out" if table.dropped else ""
    said = str(result).replace("fit_auto (model='auto')", "fastebm fit --model auto")
    output.say(arguments, f"{source}: {', '.join(table.names)}{dropped}\n{said}")
