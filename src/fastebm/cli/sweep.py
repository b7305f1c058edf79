"""The command sweep: a table in, many trainings, a table and a picture of what each setting costs."""

from __future__ import annotations

import csv
import io
import json
import os

import numpy as np

from .._runtime.seed import seed_sequence
from ..energies import WellMixture
from ..fitting.sweep import SweepResult, sweep
from ..mixtures.starts import initial_wells
from ..samplers import MALA
from ..training import ContrastiveDivergence
from ..training.recipes import default_step_size
from .tables import asked


def run(arguments, progress, output, print_json):
    """`fastebm sweep`."""
    from ..plotting._canvas import check_picture, encoded

    output.check_writable(arguments.out, arguments.plot, arguments.resume)
    if arguments.plot:
        check_picture(arguments.plot)
    settings = dict(arguments.set)
    if len(settings) < len(arguments.set):
        raise ValueError("a setting is given twice; give all its values in one --set")
    table = asked(arguments, progress)
    x, test = _split(table.x, arguments.test, arguments.seed)
    trainer = _trainer(x, arguments)
    result = sweep(
        trainer,
        x,
        settings,
        seed=arguments.seed,
        X_test=test,
        n_repeats=arguments.repeats,
        diagnose=not arguments.no_checks,
        path=arguments.resume,
        progress=progress,
    )
    picture = None
    if arguments.plot:
        from ..plotting import plot_sweep
        from ..plotting._canvas import figure

        names = result.names[:2] if len(result.names) > 1 else (result.names[0], None)
        sheet = figure((7.2, 4.6))
        plot_sweep(result, *names, value="log_likelihood", ax=sheet.add_subplot())
        picture = encoded(sheet, arguments.plot)
    if arguments.out:
        output.write(arguments.out, as_csv(result).encode())
    if picture is not None:
        output.write(arguments.plot, picture)
    if arguments.json:
        print_json({"best": _best(result), "runs": _records(result), "rows": len(x), "test_rows": len(test)})
    elif arguments.out != "-":
        written = [f"wrote  {path}" for path in (arguments.out, arguments.plot) if path]
        output.say(arguments, "\n".join([as_text(result, len(x), len(test)), *written]))


def _split(x, share, seed):
    # Rows for the log-likelihood, which no run is fitted to.
    n_test = round(share * len(x))
    if n_test < 1 or n_test >= len(x):
        raise ValueError(
            f"--test {share:g} leaves {n_test} of {len(x)} rows for the test; give another share"
        )
    order = np.random.default_rng(seed_sequence(seed)).permutation(len(x))
    return x[np.sort(order[n_test:])], x[np.sort(order[:n_test])]


def _trainer(x, arguments):
    if arguments.recipe == "notebook":
        if x.shape[1] != 1:
            raise ValueError("the notebook's recipe is for one column; give --columns, or leave --recipe out")
        trainer = ContrastiveDivergence.notebook()
    else:
        energy = initial_wells(x, arguments.wells, seed=arguments.seed)
        assert isinstance(energy, WellMixture)
        rng = np.random.default_rng(seed_sequence(arguments.seed))
        # A sampler of its own, so that its arguments can vary too.
        trainer = ContrastiveDivergence(energy, MALA(default_step_size(x, arguments.wells, rng)))
    return trainer if arguments.updates is None else trainer.replace(n_updates=arguments.updates)


def setting(text: str):
    """NAME=VALUE,VALUE,... as a pair (name, values): numbers, true, false and none as such, other words as text."""
    name, sign, values = text.partition("=")
    words = [w.strip() for w in values.split(",")]
    if not sign or not name.strip() or "" in words:
        raise ValueError(f"{text!r} is not NAME=VALUE,VALUE,...")
    return name.strip(), [_value(word) for word in words]


def _value(word):
    known = {"true": True, "false": False, "none": None}
    if word.lower() in known:
        return known[word.lower()]
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _best(result):
    try:
        return result.best()
    except ValueError:
        return None


def _records(result):
    names = list(result.table)
    rows = zip(*[result.table[name].tolist() for name in names], strict=True)
    finite = [
        {
            k: None if isinstance(v, float) and not np.isfinite(v) else v
            for k, v in zip(names, row, strict=True)
        }
        for row in rows
    ]
    return json.loads(json.dumps(finite, default=repr))


def as_csv(result: SweepResult) -> str:
    """The table, a line for every run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(result.table)
    writer.writerows(zip(*[column.tolist() for column in result.table.values()], strict=True))
    return text.getvalue()


def as_text(result: SweepResult, n_rows: int, n_test: int, most: int = 12) -> str:
    """The best runs, a line each."""
    table = result.table
    value = np.where(np.isfinite(table["log_likelihood"]), table["log_likelihood"], -np.inf)
    order = np.argsort(-value, kind="stable")[:most]
    lines = [f"{len(result)} runs on {n_rows} rows, {n_test} held out; log-likelihood in nats a row", ""]
    widths = [max(len(name), 9) for name in result.names]
    heads = [f"{name:>{w}}" for name, w in zip(result.names, widths, strict=True)]
    lines.append("  ".join([*heads, "log-likelihood", "seconds", "warnings"]))
    for row in order:
        cells = [f"{_short(table[name][row]):>{w}}" for name, w in zip(result.names, widths, strict=True)]
        said = table["error"][row] or table["warnings"][row] or "none"
        lines.append(
            "  ".join(
                [*cells, f"{table['log_likelihood'][row]:14.4f}", f"{table['seconds'][row]:7.2f}", said]
            )
        )
    if len(result) > most:
        lines.append(f"... and {len(result) - most} more; --out writes them all")
    return os.linesep.join(lines)


def _short(value):
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)
