"""The commands fit, score and sample: a table in, a model, pictures and numbers out."""

from __future__ import annotations

import csv
import io
import math
import shlex
import sys
import time
from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

import numpy as np

from .._runtime.check import describe
from .._runtime.errors import FastEBMWarning
from .._runtime.info import __version__
from .._runtime.seed import seed_sequence
from ..energies import Energy
from ..fitting.prepared import PreparedDensity
from ..fitting.scaled_network import ScaledNetwork
from ..fitting.scaled_wells import ScaledWells, fit_wells
from ..fitting.selection import select_n_wells
from ..io import load, save
from ..training.result import TrainingResult
from .figures import plus_minus
from .tables import Table, TableError, asked
from .tables import joined as _joined
from .unused import fitting
from .words import SPREAD, chosen, spoken


@dataclass(frozen=True, eq=False)
class FitSummary:
    """A fit with all that the table, the JSON and the report say about it."""

    source: str
    table: Table
    model: ScaledWells | PreparedDensity
    held_out: np.ndarray | None
    settings: dict
    seconds: float

    @property
    def log_likelihood(self) -> float:
        """Mean log-density of the rows that were fitted, in nats."""
        return float(self.model.score_samples(self.table.x).mean())

    def wells(self) -> list[tuple[int, float, list[str]]]:
        """Number, weight, and centre ± width per column as text, of every well, the heaviest first.

        The numbers are those of the model, which the names of its parameters and the pictures use too.
        """
        model = self.model
        return [
            (
                int(j) + 1,
                float(model.weights_[j]),
                [plus_minus(a, b) for a, b in zip(model.means_[j], model.stds_[j], strict=True)],
            )
            for j in np.argsort(-model.weights_)
        ]

    def correlations(self, numbered=False) -> list[str]:
        """The strongest correlations of every full well, at most three, a line each; none of diagonal ones.

        The heaviest well first, or in the order of their numbers.
        """
        if self.model.covariance == "diag" or self.model.n_features == 1:
            return []
        names, (rows, columns) = self.table.names, np.tril_indices(self.model.n_features, -1)
        lines = []
        for j in range(self.model.n_wells) if numbered else np.argsort(-self.model.weights_):
            scales = self.model.stds_[j]
            product = np.outer(scales, scales)
            # A constant column has no correlations.
            r = np.divide(self.model.covariances_[j], product, out=0.0 * product, where=product > 0)[
                rows, columns
            ]
            top = np.argsort(-np.abs(r))[:3]
            pairs = [f"{names[columns[p]]} and {names[rows[p]]} {r[p]:+.2f}" for p in top]
            lines.append(f"correlated      well {j + 1}: {', '.join(pairs)}")
        return lines

    def transforms(self) -> dict[str, str]:
        """What was done with every column, and why; empty without transforms."""
        preparation = getattr(self.model, "preparation", None)
        return {} if preparation is None else {c.name: str(c) for c in preparation.columns}

    @property
    def warnings(self) -> list[str]:
        """What the diagnostics had to say about the fit, a line each."""
        said = [spoken(str(w)) for w in self.model.warnings]
        if self.settings["preprocess"] is None:
            noise = "add noise of the size of the rounding"
            said = [w.replace(noise, f"say --preprocess auto, to {noise}") for w in said]
        if self.transforms():
            said = [w.replace(SPREAD, "") for w in said]
        if isinstance(self.settings.get("wells"), int):
            return said
        return [chosen(w, "--wells" if "wells" in self.settings else "--model wells --wells") for w in said]

    def command(self) -> str:
        """The command that gives this fit again."""
        s = self.settings
        words = ["fastebm fit", shlex.quote(self.source), "--columns", shlex.quote(_joined(self.table.names))]
        words += ["--wells", str(s["wells"]), "--seed", str(s["seed"])]
        if s["recipe"] != "auto":
            words += ["--recipe", s["recipe"]]
        if s["n_init"] != "auto":
            words += ["--n-init", str(s["n_init"])]
        if s["covariance"] != "diag":
            words += ["--covariance", s["covariance"]]
        if s["tails"] != "normal":
            words += ["--tails", s["tails"]]
        if s["updates"] != 800:
            words += ["--updates", str(s["updates"])]
        words += transforming(s)
        if s["header"] != "auto":
            words += ["--header", s["header"]]
        return " ".join(words + ["--drop-na"] * s["drop_na"] + [shlex.quote(w) for w in self.table.words])

    def as_text(self) -> str:
        """The table that the command prints."""
        from .fit_text import as_text

        return as_text(self)

    def as_dict(self) -> dict:
        """Plain numbers, lists and texts, for JSON."""
        order, df = np.argsort(-self.model.weights_), self.model.degrees_of_freedom_
        training = self.model.training
        return {
            "fastebm": __version__,
            "data": self.source,
            "columns": list(self.table.names),
            "n_rows": len(self.table.x),
            "n_dropped": self.table.dropped,
            "notes": list(self.table.notes),
            "n_wells": self.model.n_wells,
            "weights": self.model.weights_[order].tolist(),
            "means": self.model.means_[order].tolist(),
            "widths": self.model.stds_[order].tolist(),
            "covariances": self.model.covariances_[order].tolist(),
            "degrees_of_freedom": None if df is None else df[order].tolist(),
            "log_likelihood": self.log_likelihood,
            "held_out": [
                {"n_wells": int(k), "log_likelihood": float(v), "lead_of_more_wells": float(g)}
                for k, v, g in (self.held_out.tolist() if self.held_out is not None else [])
            ],
            "acceptance_rate": training.acceptance_rate if training else None,
            "polished": self.model.polished,
            "gained_by_check": self.model.gained,
            "transforms": self.transforms(),
            "warnings": self.warnings,
            "not_checked": [spoken(s) for s in self.model.not_checked],
            "settings": self.settings,
            "seconds": self.seconds,
            "command": self.command(),
        }


def fit_table(
    source,
    table: Table,
    *,
    wells,
    seed,
    recipe,
    updates,
    n_init="auto",
    covariance="diag",
    tails="normal",
    header="auto",
    preprocess=None,
    cyclic=None,
    progress=False,
) -> FitSummary:
    """Fit a table; with wells="auto", choose the number first."""
    if len(table.x) < 2:
        raise TableError(f"{source} has one row; a density needs at least two")
    settings = {
        "recipe": recipe,
        "n_updates": updates,
        "n_init": n_init,
        "covariance": covariance,
        "tails": tails,
        "names": table.names,
    }
    begin = time.perf_counter()
    chooser, stream = seed_sequence(seed).spawn(2)
    held_out, n_wells = None, wells
    how = None if preprocess is None else {n: ("cyclic", period) for n, period in (cyclic or {}).items()}
    if wells == "auto":
        n_wells, held_out = select_n_wells(table.x, seed=chooser, preprocess=how, **settings)
    with catch_warnings():
        # They are printed with the table.
        simplefilter("ignore", FastEBMWarning)
        model = fit_wells(table.x, n_wells, seed=stream, progress=progress, preprocess=how, **settings)
    used = {
        "wells": wells,
        "seed": seed,
        "recipe": recipe,
        "updates": updates,
        "n_init": n_init,
        "covariance": covariance,
        "tails": tails,
        "preprocess": preprocess,
        "cyclic": [f"{name}={period!r}" for name, period in (cyclic or {}).items()] or None,
        "header": header,
        "drop_na": table.dropped > 0,
    }
    return FitSummary(str(source), table, model, held_out, used, time.perf_counter() - begin)


def transforming(settings) -> list[str]:
    """The words of a command that ask for transforms."""
    words = [] if settings["preprocess"] is None else ["--preprocess", settings["preprocess"]]
    for pair in settings["cyclic"] or ():
        words += ["--cyclic", shlex.quote(pair)]
    return words


# ---- commands ----


def run(arguments, progress, output, print_json):
    """`fastebm fit`."""
    from ..plotting._canvas import check_picture

    if arguments.out == "-":
        raise ValueError("a model cannot go to standard output; give --out the name of a file")
    output.check_writable(arguments.out, arguments.plot, arguments.report)
    if arguments.plot or arguments.report:
        check_picture(arguments.plot)
    fitting(arguments)
    table = asked(arguments, progress)
    source = "standard input" if arguments.data == "-" else arguments.data
    preprocess = "auto" if arguments.cyclic or arguments.preprocess == "auto" else None
    if arguments.model == "network":
        from . import network

        return _finish(network.fit_table(source, table, arguments, progress), arguments, output, print_json)
    if arguments.model == "auto":
        from . import auto

        return _finish(auto.fit_table(source, table, arguments, progress), arguments, output, print_json)
    summary = fit_table(
        source,
        table,
        wells=arguments.wells,
        seed=arguments.seed,
        recipe=arguments.recipe,
        updates=800 if arguments.updates is None else arguments.updates,
        n_init=arguments.n_init,
        covariance=arguments.covariance,
        tails=arguments.tails,
        header=arguments.header,
        preprocess=preprocess,
        cyclic=dict(arguments.cyclic or ()),
        progress=progress,
    )
    _finish(summary, arguments, output, print_json)


def _finish(summary, arguments, output, print_json):
    """Write and print what was asked for."""
    # All pages and pictures are made before the first file is written.
    files = []
    if arguments.plot:
        from .report import fit_picture

        files.append((arguments.plot, _picture(fit_picture(summary), arguments.plot)))
    if arguments.report:
        report_page = _page_of(summary)
        files.append((arguments.report, report_page(summary).encode()))
    if arguments.out:
        save(arguments.out, getattr(summary.model, "whole", summary.model))
    for path, data in files:
        output.write(path, data)
    written = {k: v for k in ("out", "plot", "report") if (v := getattr(arguments, k))}
    if arguments.json:
        print_json(summary.as_dict() | {"files": written})
    elif "-" not in written.values():
        text = summary.as_text()
        text += "".join(f"\nwrote           {path}" for path in written.values())
        output.say(arguments, text, summary.warnings)


def _page_of(summary):
    if isinstance(summary, FitSummary):
        from .report import report_page
    else:
        from .network_report import report_page
    return report_page


def _picture(figure, path):
    from ..plotting._canvas import encoded

    return encoded(figure, path)


# What an energy must say of itself to be scored, and to be sampled.
SCORED = "log Z", lambda energy: energy.has_log_partition
SAMPLED = "direct sampler", lambda energy: energy.has_exact_sample


def _opened(path):
    """A saved density."""
    try:
        model = load(path)
    except OSError as error:
        raise OSError(error.errno, f"cannot read {path}: {error.strerror or error}") from None
    model = getattr(model, "model_", model)
    return model.energy if isinstance(model, TrainingResult) else model


def _density(path, needs):
    """(log-density function, sampling function, names, number of features) of a saved model."""
    fact, known = needs
    model = _opened(path)
    if isinstance(model, (ScaledWells, ScaledNetwork, PreparedDensity)):
        return model.score_samples, model.sample, model.names, model.n_features
    if isinstance(model, Energy):
        if not known(model):
            raise TypeError(f"{path} holds {describe(model)}, whose {fact} is not known")
        return model.log_prob, model.exact_sample, None, model.n_features
    raise TypeError(f"{path} holds {describe(model)}, which is no density; give a file of fastebm fit")


def score(arguments, progress, output, print_json):
    """`fastebm score`."""
    output.check_writable(arguments.out)
    log_prob, _, names, width = _density(arguments.model, SCORED)
    table = _matching(arguments, names, width, progress)
    with catch_warnings(record=True) as said:
        simplefilter("always", FastEBMWarning)
        log_p = log_prob(table.x)
    for one in said:
        print(f"fastebm: warning: {one.message}", file=sys.stderr)
    facts = {
        "data": arguments.data,
        "columns": list(table.names),
        "n_rows": len(log_p),
        "n_dropped": table.dropped,
        "n_outside": int(np.isneginf(log_p).sum()),
        "log_likelihood": float(log_p.mean()),
        "lowest": float(log_p.min()),
        "highest": float(log_p.max()),
    }
    found = None
    if arguments.flag is not None:
        from .answers import flags

        found = flags(arguments.model, table, log_p, arguments.flag)
        facts |= found.facts()
    if arguments.out:
        plain = found is None
        data = (
            _encoded(arguments.out, log_p[:, None], ("log_density",))
            if plain
            else found.encoded(arguments.out)
        )
        output.write(arguments.out, data)
    if arguments.out == "-":
        return
    if arguments.json:
        # JSON has no infinity: what is not a number is null, and n_outside says why.
        numbers = {k: None if isinstance(v, float) and math.isinf(v) else v for k, v in facts.items()}
        print_json(numbers | {"files": {"out": arguments.out} if arguments.out else {}})
        return
    dropped = f" ({table.dropped:,} with missing cells left out)" if table.dropped else ""
    reach = f"{facts['lowest']:.4f} to {facts['highest']:.4f}"
    mean = f"log-likelihood  {facts['log_likelihood']:.4f} nats per row ({reach})"
    text = f"{arguments.data}: {len(log_p):,} rows{dropped}\n{mean}"
    output.say(arguments, text if found is None else f"{text}\n{found.as_text()}")


def _matching(arguments, names, width, progress) -> Table:
    """The columns of the data that the model knows: by its names, or by position."""
    table = asked(arguments, progress, names)
    if table.x.shape[1] != width:
        wanted = f" ({', '.join(names)})" if names else ""
        raise TableError(
            f"{arguments.data}: {table.x.shape[1]} columns ({', '.join(table.names)}), the model has {width}{wanted}; "
            "choose them with --columns"
        )
    return table


def sample(arguments, output, print_json):
    """`fastebm sample`."""
    output.check_writable(arguments.out)
    _, draw, names, width = _density(arguments.model, SAMPLED)
    x = draw(arguments.n, seed=arguments.seed)
    header = names or tuple(f"x{i + 1}" for i in range(width))
    if arguments.json and arguments.out == "-":
        print_json({"columns": list(header), "samples": x.tolist()})
        return
    output.write(arguments.out, _encoded(arguments.out, x, header))
    if arguments.json:
        print_json({"columns": list(header), "n_rows": len(x), "files": {"out": arguments.out}})


def _encoded(path: str, x: np.ndarray, names) -> bytes:
    """The rows as NPY or CSV, by the ending; numbers in CSV read back to the same bits."""
    if path.lower().endswith(".npy"):
        binary = io.BytesIO()
        np.save(binary, x, allow_pickle=False)
        return binary.getvalue()
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(names)
    for row in x.tolist():
        text.write(",".join(map(repr, row)) + "\n")
    return text.getvalue().encode()
