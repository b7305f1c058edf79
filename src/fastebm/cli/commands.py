"""The command line: fastebm demo | describe | fit | score | sample | compare | sweep | info | doctor | completion.

Results go to standard output, everything else to standard error. Exit status 0: done. 1: doctor found something wrong.
2: bad input or usage, with one line that says what to do. 130: interrupted.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys

from .._runtime.info import __version__, info
from . import values
from .completion import SHELLS, script
from .help import Formatter, ending
from .options import names, natural, table_options
from .words import spoken

DEMO_PICTURE = "demo.png"
TABLES = "CSV, Excel, Parquet, Feather, NPY or NPZ file, or - for standard input"


def main(argv=None) -> int:
    """Run the command line; return the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; by default those of the process.
    """
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal without the sign for plus or minus still gets its table.
        sys.stdout.reconfigure(errors="replace")
    arguments = _parser().parse_args(argv)
    try:
        status = arguments.run(arguments) or 0
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, say) has had enough.
        _abandon_stdout()
        return 0
    except KeyboardInterrupt:
        print("fastebm: interrupted; nothing was written", file=sys.stderr)
        return 130
    except (ValueError, TypeError, ArithmeticError, OSError, ImportError, MemoryError) as error:
        if arguments.traceback:
            raise
        try:
            sys.stdout.flush()
        except OSError:
            _abandon_stdout()
        print(f"fastebm: error: {_said(error, arguments)}", file=sys.stderr)
        return 2
    return status


def _abandon_stdout() -> None:
    # Python would complain once more when it closes stdout.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _one_line(error) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def _said(error, arguments) -> str:
    text = _one_line(error)
    if type(error) is not ValueError:
        return text
    # The library speaks of X and of its arguments; here X is a file, and arguments are options.
    source = getattr(arguments, "data", None)
    return spoken(text, "standard input" if source == "-" else source)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastebm",
        description="Energy-based models on an ordinary CPU.",
        epilog="fastebm COMMAND --help has examples, defaults and the exit status.",
    )
    parser.add_argument("--version", action="version", version=f"fastebm {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    _add_demo(commands)
    _add_describe(commands)
    _add_fit(commands)
    _add_score(commands)
    _add_impute(commands)
    _add_sample(commands)
    _add_sweep(commands)
    _add_compare(commands)
    command = _command(commands, "info", _info, "show version, instruction set and number of threads")
    command.set_defaults(quiet=True)
    doctor = _command(
        commands, "doctor", _doctor, "check the installation, and say what could be added to it"
    )
    doctor.add_argument("--quiet", action="store_true", help="say only what is wrong")
    completion = _command(commands, "completion", _completion, "print a script that completes in a shell")
    completion.add_argument("shell", choices=SHELLS, help="the shell to complete in")
    return parser


def _command(commands, name, run, text):
    command = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=ending(name),
        formatter_class=Formatter,
    )
    command.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    command.add_argument("--traceback", action="store_true", help="show the whole traceback of an error")
    command.set_defaults(run=run)
    return command


def _quiet(command):
    command.add_argument(
        "--quiet", action="store_true", help="no table and no progress bar; warnings go to standard error"
    )


def _seed(command):
    command.add_argument(
        "--seed", type=natural, default=1, metavar="N", help="seed of everything random (default 1)"
    )


def _add_demo(commands):
    command = _command(commands, "demo", _demo, "fit two wells to Old Faithful and to the notebook's mixture")
    _seed(command)
    command.add_argument("--out", metavar="FILE", help=f"where the picture goes (default {DEMO_PICTURE})")
    command.add_argument("--no-picture", action="store_true", help="only the table")
    _quiet(command)


def _add_describe(commands):
    command = _command(
        commands, "describe", _describe, "show what is understood of a table, before it is fitted"
    )
    command.add_argument("data", metavar="DATA", help=TABLES)
    table_options(command, drop_na=False)
    command.set_defaults(quiet=False)


def _add_fit(commands):
    command = _command(
        commands, "fit", _fit, "fit a density of smooth wells, or a network, to a table of numbers"
    )
    command.add_argument("data", metavar="DATA", help=TABLES)
    table_options(command)
    command.add_argument(
        "--model",
        choices=("wells", "auto", "network"),
        default="wells",
        help="auto: wells of all kinds, or a network, by rows held out; network: certified on rows held out, and wells "
        "again where they are as good (default wells)",
    )
    command.add_argument(
        "--wells", type=values.wells, default=2, metavar="N", help="number of wells, or auto (default 2)"
    )
    _seed(command)
    command.add_argument(
        "--recipe",
        choices=("auto", "contrastive", "em"),
        default="auto",
        help="train by contrastive divergence, or find the optimum by EM (default: EM above three columns)",
    )
    command.add_argument(
        "--updates",
        type=natural,
        metavar="N",
        help="training updates (default 800, of a network at most 4000)",
    )
    command.add_argument(
        "--n-init",
        type=values.wells,
        default="auto",
        metavar="N",
        help="starts, of which the best counts (default: about 10)",
    )
    for name, options, said in (
        ("--covariance", ("diag", "full"), "may the columns of a well be correlated? (default diag: no)"),
        ("--tails", ("normal", "student"), "student: wells bear outliers, by EM (default normal)"),
    ):
        command.add_argument(name, choices=options, default=options[0], help=said)
    command.add_argument(
        "--max-wells",
        type=values.wells,
        metavar="N",
        help="with --model auto: largest number of wells of one fit (default: as many as the data bear)",
    )
    command.add_argument(
        "--preprocess",
        choices=("none", "auto"),
        help="auto: logarithms and powers of skewed and of non-negative columns, noise in rounded ones; constants and "
        "copies left out (default none; with --model auto, where rows held out gain by it)",
    )
    command.add_argument(
        "--cyclic",
        type=values.period,
        action="append",
        metavar="NAME=PERIOD",
        help="a column on a circle, such as hour=24; turns --preprocess auto on",
    )
    network = command.add_argument_group("with --model network, or auto")
    network.add_argument(
        "--hidden",
        type=values.widths,
        default="auto",
        metavar="A,B",
        help="widths of the hidden layers (default auto)",
    )
    network.add_argument(
        "--base",
        choices=("auto", "gaussian", "wells"),
        default="auto",
        help="of --model network: what it tilts (default: a normal law)",
    )
    network.add_argument(
        "--validation",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="of --model network: share of rows held out (default 0.2)",
    )
    network.add_argument("--max-seconds", type=float, metavar="S", help="stop training after so long")
    command.add_argument("--out", metavar="MODEL.npz", help="save the model")
    command.add_argument("--plot", metavar="FIT.png", help="draw the fit")
    command.add_argument("--report", metavar="REPORT.html", help="write a self-contained page on the fit")
    _quiet(command)


def _add_score(commands):
    command = _command(commands, "score", _score, "log-density of every row under a saved model")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("data", metavar="DATA", help=TABLES)
    table_options(command)
    command.add_argument(
        "--flag",
        type=values.rate,
        metavar="RATE",
        help="mark odd rows, at this rate of false alarms (1%% or 0.01): less likely than all but so many of the rows "
        "that the fit had held out, with the column that makes them so",
    )
    command.add_argument(
        "--out", metavar="FILE", help="write the log-density of every row (CSV, or NPY; - for stdout)"
    )
    _quiet(command)


def _add_impute(commands):
    command = _command(commands, "impute", _impute, "fill the empty cells of a table under a saved model")
    command.add_argument("model", metavar="MODEL")
    command.add_argument("data", metavar="DATA", help=TABLES)
    # Rows with empty cells are what this is for: they are neither refused nor left out.
    table_options(command, drop_na=False)
    command.set_defaults(drop_na=None)
    command.add_argument(
        "--how",
        choices=("mean", "draw"),
        default="mean",
        help="the best guess of each cell, or a draw that keeps spreads and correlations (default mean)",
    )
    _seed(command)
    command.add_argument(
        "--out", default="-", metavar="FILE", help="CSV, or NPY by its ending (default: stdout)"
    )
    _quiet(command)


def _add_sample(commands):
    command = _command(commands, "sample", _sample, "draw from a saved model")
    command.add_argument("model", metavar="MODEL")
    command.add_argument(
        "--n", type=natural, default=1000, metavar="N", help="number of samples (default 1000)"
    )
    _seed(command)
    command.add_argument(
        "--out", default="-", metavar="FILE", help="CSV, or NPY by its ending (default: stdout)"
    )
    _quiet(command)


def _add_sweep(commands):
    command = _command(commands, "sweep", _sweep, "train with many settings and compare what they cost")
    command.add_argument("data", metavar="DATA", help=TABLES)
    table_options(command)
    command.add_argument(
        "--set",
        type=values.setting,
        action="append",
        required=True,
        metavar="NAME=A,B,...",
        help="values of a setting of the trainer (n_steps=1,5,30), or of its sampler (sampler__step_size=...); "
        "several make a grid",
    )
    command.add_argument(
        "--recipe",
        choices=("default", "notebook"),
        default="default",
        help="where every run starts from: the default trainer, or the teaching notebook's",
    )
    command.add_argument("--wells", type=natural, default=2, metavar="N", help="number of wells (default 2)")
    command.add_argument("--updates", type=natural, metavar="N", help="training updates of every run")
    command.add_argument(
        "--repeats", type=natural, default=1, metavar="N", help="runs of every setting (default 1)"
    )
    command.add_argument(
        "--test", type=float, default=0.25, metavar="SHARE", help="share of rows held out (default 0.25)"
    )
    _seed(command)
    command.add_argument("--no-checks", action="store_true", help="leave the checks out, which take longest")
    command.add_argument("--out", metavar="TABLE.csv", help="write the whole table (- for stdout)")
    command.add_argument("--plot", metavar="SWEEP.png", help="draw the first two settings, or the only one")
    command.add_argument(
        "--resume", metavar="RUNS.jsonl", help="file of finished runs, from which the same command goes on"
    )
    _quiet(command)


def _add_compare(commands):
    command = _command(commands, "compare", _compare, "compare densities on rows held out of a table")
    command.add_argument("data", metavar="DATA", help=TABLES)
    table_options(command)
    command.add_argument(
        "--methods",
        type=names,
        default=["auto", "em", "gm-diag", "gm-full", "kde"],
        metavar="A,B",
        help="auto, em (our diagonal wells), gm-diag, gm-full (GaussianMixture), kde (KernelDensity), gm-diag-raw, "
        "gm-full-raw; the others are compared with the first (default: the first five)",
    )
    command.add_argument("--folds", type=natural, default=5, metavar="N", help="number of folds (default 5)")
    command.add_argument(
        "--max-seconds", type=float, metavar="S", help="stop training each network after so long; 0: none"
    )
    _seed(command)
    _quiet(command)


def _progress(arguments) -> bool:
    shown = not arguments.quiet and not arguments.json and sys.stderr is not None and sys.stderr.isatty()
    return shown and importlib.util.find_spec("tqdm") is not None


def _print_json(value) -> None:
    print(json.dumps(value, indent=2, allow_nan=False))


# ---- commands ----


def _info(arguments):
    facts = info()
    if arguments.json:
        return _print_json(facts)
    print(f"fastebm {facts['version']}")
    print(f"instruction set  {facts['isa']} (FASTEBM_ISA accepts {', '.join(facts['isa_available'])})")
    print(f"threads          {facts['n_threads']}")


def _doctor(arguments):
    from . import doctor

    return doctor.run(arguments, _print_json)


def _completion(arguments):
    text = script(_parser(), arguments.shell)
    if arguments.json:
        return _print_json({"shell": arguments.shell, "script": text})
    print(text, end="")


def _demo(arguments):
    from ..plotting._canvas import check_picture, encoded
    from . import demo, output

    picture = None if arguments.no_picture else arguments.out or DEMO_PICTURE
    try:
        if picture:
            check_picture(picture)
    except ImportError as error:
        if arguments.out:
            raise
        print(f"fastebm: no picture: {_one_line(error)}", file=sys.stderr)
        picture = None
    output.check_writable(picture)
    show = _progress(arguments)
    fits = []
    for fit in (demo.fit_old_faithful, demo.fit_two_normals):
        fits.append(fit(arguments.seed, show))
        if not arguments.json and not arguments.quiet:
            print(demo.table(fits[-1]), end="\n\n", flush=True)
    if picture:
        output.write(picture, encoded(demo.picture(fits), picture))
    if arguments.json:
        _print_json({"seed": arguments.seed, "fits": [f.report() for f in fits], "picture": picture})
    elif picture and not arguments.quiet:
        print(f"picture: {picture}")


def _describe(arguments):
    from . import describe

    describe.run(arguments, _progress(arguments), _print_json)


def _fit(arguments):
    from . import fit, output

    fit.run(arguments, _progress(arguments), output, _print_json)


def _compare(arguments):
    from . import auto, output

    auto.run_compare(arguments, _progress(arguments), output, _print_json)


def _score(arguments):
    from . import fit, output

    fit.score(arguments, _progress(arguments), output, _print_json)


def _impute(arguments):
    from . import impute, output

    impute.run(arguments, _progress(arguments), output, _print_json)


def _sample(arguments):
    from . import fit, output

    fit.sample(arguments, output, _print_json)


def _sweep(arguments):
    from . import output, sweep

    sweep.run(arguments, _progress(arguments), output, _print_json)
