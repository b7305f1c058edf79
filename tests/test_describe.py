"""`fastebm describe`, what the command line says, and the columns that a model is scored on."""

import io
import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

import fastebm as fe
from fastebm import cli
from fastebm.cli.tables import How, parse, summary
from fastebm.cli.words import spoken
from fastebm.datasets import load_old_faithful


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def run(*words, stdin=None, encoding="utf-8"):
    """Run in process; return (status, stdout, stderr)."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding=encoding), io.StringIO()
    before = sys.stdout, sys.stderr, sys.stdin
    sys.stdout, sys.stderr = out, err
    if stdin is not None:
        sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()))
    try:
        status = cli.main(list(words))
    except SystemExit as leaving:
        status = leaving.code
    finally:
        sys.stdout, sys.stderr, sys.stdin = before
    out.flush()
    return status, out.buffer.getvalue().decode(encoding), err.getvalue()


def write(text, name="t.csv"):
    with open(name, "w") as file:
        file.write(text)
    return name


# ---- describe ----

TABLE = """\
"","weight","copy","one","kind","day","share"
"1",61.5,61.5,7,x,2024-01-01,10%
"2",62.0,62.0,7,y,2024-01-02,10%
"3",62.0,62.0,7,x,2024-01-03,20%
"4",,,7,x,2024-01-04,90%
"""


def test_describe_as_json():
    status, out, err = run("describe", write(TABLE), "--json")
    facts = json.loads(out)
    assert (status, err) == (0, "")
    assert (facts["kind"], facts["encoding"], facts["separator"], facts["decimal"]) == (
        "text",
        "utf-8",
        ",",
        ".",
    )
    assert facts["header"] == "line 1" and facts["n_rows"] == 4 and facts["rows_with_missing_cells"] == 1
    assert facts["fitted"] == ["weight", "copy", "one", "share"] and facts["refused"] is None
    index, weight, copy, one, kind, day, share = facts["columns"]
    assert index["role"] == "row names" and weight["role"] == "data"
    assert (weight["n"], weight["missing"], weight["min"], weight["median"], weight["max"]) == (
        3,
        1,
        61.5,
        62,
        62,
    )
    assert weight["step"] == 0.5 and weight["repeated"] == pytest.approx(2 / 3) and weight["copy_of"] is None
    assert copy["copy_of"] == "weight" and one["constant"] and one["histogram"] is None
    assert kind["kind"] == "text" and kind["distinct"] == 2 and kind["examples"] == ["x", "y"]
    assert day["kind"] == "dates" and share["kind"] == "per cent" and share["max"] == 0.9
    assert any(
        "left out: 'row names' (row names), 'kind' (text: 'x', 'y'), 'day' (dates)" in n
        for n in facts["notes"]
    )


def test_describe_as_text():
    status, out, err = run("describe", write(TABLE))
    assert (status, err) == (0, "")
    for words in (
        "t.csv: 4 rows, text in utf-8, separator ',', decimal '.', header line 1",
        "constant, 7",
        "the same as 'weight'",
        "rounded to 0.5",
        "2 different: 'x', 'y'",
        "2024-01-01",
        "fit takes       weight, copy, one, share",
        "in 1 row; --drop-na leaves them out",
        "note            left out: 'row names'",
    ):
        assert words in out, out
    assert "█" in out and max(map(len, out.splitlines())) < 200
    # A terminal that has no blocks gets letters.
    assert "@" in run("describe", "t.csv", encoding="ascii")[1]


def test_describe_on_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = run("describe", write(TABLE))[1]
    assert "min 61.5, 25 % 61.75, median 62, 75 % 62, max 62" in out and "histogram" not in out


def test_describe_says_what_fit_refuses():
    status, out, err = run("describe", write("a,b\n1,2\n3,four\n5,6\n"))
    assert (status, err) == (0, "") and "line 3, 'b': 'four' is not a number; if it stands for" in out
    assert "fit refuses     t.csv: line 3" in out
    status, out, err = run("describe", write("a,b\n1,2,3\n"))
    assert (status, out) == (2, "") and err.count("\n") == 1
    assert json.loads(run("describe", write("a\n1\ninf\n2\n"), "--json")[1])["columns"][0]["infinite"] == 1


def test_describe_reads_standard_input_and_arrays():
    assert "standard input: 2 rows" in run("describe", "-", stdin="a,b\n1,2\n3,4\n")[1]
    np.savez("x.npz", a=np.arange(5.0), b=np.arange(5.0) ** 2)
    facts = json.loads(run("describe", "x.npz", "--json")[1])
    assert facts["kind"] == "npz" and [c["name"] for c in facts["columns"]] == ["a", "b"]


def test_chosen_columns_only():
    facts = json.loads(run("describe", write(TABLE), "--columns", "share,2", "--json")[1])
    assert [c["name"] for c in facts["columns"]] == facts["fitted"] == ["share", "weight"]


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([1.0, 2.0, 7.0], 1.0),
        ([0.1, 0.2, 0.7, 10.3], 0.1),
        ([5.0, 10.0, 25.0], 5.0),
        ([0.25, 0.5, 2.0], 0.25),
        ([1e6, 3e6, 2e6], 1e6),
        ([1.2345e-7, 2.2e-7], 5e-11),
        ([1e300, 3e300], 1e300),
        ([3.0, 3.0], None),
        (list(np.random.default_rng(1).normal(size=200)), None),
        (list(1e9 + np.random.default_rng(1).normal(size=200)), None),
        ([-1.7e308, 1.7e308], None),
    ],
)
def test_what_a_column_is_rounded_to(values, step):
    found = summary.step(np.sort(np.array(values)))
    assert found is None if step is None else found == pytest.approx(step, rel=1e-12)


def test_facts_are_those_of_numpy():
    x = np.random.default_rng(2).gamma(0.5, size=1000)
    facts = summary.numbers(np.r_[x, np.nan, np.inf])
    z = (x - x.mean()) / x.std()
    assert facts["skew"] == pytest.approx((z**3).mean()) and facts["infinite"] == 1 and facts["repeated"] == 0
    assert [facts[k] for k in summary.FIVE] == np.percentile(x, [0, 25, 50, 75, 100]).tolist()
    assert facts["histogram"] == np.histogram(x, summary.BINS)[0].tolist()
    extreme = summary.numbers(np.array([-1.7e308, 1.7e308]))
    assert sum(extreme["histogram"]) == 2 and extreme["skew"] == pytest.approx(0)


def test_wide_tables_are_read_without_a_choice():
    names = [f"x{i}" for i in range(200)]
    write(",".join(names) + "\n" + "\n".join(",".join(map(str, range(i, i + 200))) for i in range(3)))
    assert len(parse("t.csv", How()).columns) == 200


# ---- the columns of a model ----


@pytest.fixture
def model():
    x = load_old_faithful()
    fe.save("model.npz", fe.fit_wells(x, 2, seed=1, recipe="em", names=("eruptions", "waiting")))
    return x, fe.load("model.npz").score_samples(x)


def scores(*words, stdin=None):
    status, out, err = run("score", "model.npz", *words, "--out", "-", stdin=stdin)
    assert status == 0, err
    return np.loadtxt(io.StringIO(out), skiprows=1), err


def table(x, names, *columns):
    rows = [",".join(str(c[i]) for c in columns) for i in range(len(x))]
    return ",".join(names) + "\n" + "\n".join(rows) + "\n"


def test_a_model_finds_its_columns_by_name(model):
    x, expected = model
    a, b = x.T.tolist()
    text = table(x, ["", "waiting", "who", "eruptions"], range(len(x)), b, ["w"] * len(x), a)
    for found, err in (scores(write(text)), scores("-", stdin=text)):
        assert np.array_equal(found, expected) and not err
    # Without names they are taken in their order, and that is said.
    found, err = scores(write(table(x, ["", ""], a, b)[2:]))
    assert (
        np.array_equal(found, expected)
        and "no header: the columns are taken as 'eruptions', 'waiting'" in err
    )


def test_a_column_of_the_model_is_missing(model):
    x, _ = model
    text = table(x, ["eruptions", "wait"], *x.T.tolist())
    for words, stdin in (([write(text)], None), (["-"], text)):
        status, out, err = run("score", "model.npz", *words, stdin=stdin)
        assert (status, out) == (2, "") and err.count("\n") == 1
        assert (
            "no column 'waiting', which the model was fitted to; it has 'eruptions', 'wait'; name the" in err
        )
    found, _ = scores("t.csv", "--columns", "eruptions,wait")
    assert len(found) == len(x)


def test_a_command_that_repeats_a_fit_says_how_the_file_is_written():
    rows = "\n".join(f"{a:.1f};{b}".replace(".", ",") for a, b in load_old_faithful())
    write("above\na;b\n" + rows + "\nx;1\n", "t.txt")
    words = ["fit", "t.txt", "--skip", "1", "--na", "x", "--drop-na", "--recipe", "em", "--json"]
    status, out, _ = run(*words)
    command = json.loads(out)["command"]
    assert status == 0 and command.endswith("--drop-na --na=x --skip=1")
    assert json.loads(run(*shlex.split(command)[1:], "--json")[1])["means"] == json.loads(out)["means"]


def test_every_command_heeds_all_options_of_tables():
    # read_table alone would not see --separator and its like.
    for path in Path(cli.__file__).parent.glob("*.py"):
        assert "read_table(" not in path.read_text(), (
            f"{path.name}: read by tables.asked(arguments, progress)"
        )


# ---- the words of the command line ----


@pytest.mark.parametrize(
    ("said", "here"),
    [
        ("X has 3 distinct rows, fewer than n_wells=9", "d.csv has 3 distinct rows, fewer than --wells 9"),
        (
            "X: feature 1 (b) has zero variance; drop it",
            "d.csv: 'b' has zero variance; leave it out with --columns, or say --preprocess auto",
        ),
        ("zero variance in feature 0 (all are 1)", "zero variance in column 1 (all are 1)"),
        ("use n_updates=1600", "use --updates 1600"),
        ("use more n_updates or n_init='auto'", "use more --updates or --n-init auto"),
        ("recipe='em', covariance=\"full\"", "recipe em, covariance full"),
    ],
)
def test_advice_speaks_of_options(said, here):
    here = here.replace("recipe em", "--recipe em").replace("covariance full", "--covariance full")
    assert spoken(said, "d.csv") == here


def test_a_setting_that_only_python_has_is_said_to_be_one():
    text = spoken("warning step: too large. What to do: use a smaller step_size.")
    assert "step_size is a setting in Python; here, --recipe em needs none" in text
    assert spoken("warning step: the step_size. What to do: more rows.").endswith("more rows.")


@pytest.mark.parametrize(
    "words",
    [
        ("fit", "t.csv"),
        ("fit", "t.csv", "--wells", "9"),
        ("fit", "t.csv", "--columns", "a", "--wells", "9"),
        ("fit", "t.csv", "--columns", "a", "--wells", "auto"),
        ("fit", "t.csv", "--columns", "a", "--model", "network"),
        ("fit", "t.csv", "--columns", "a", "--model", "auto"),
        ("compare", "t.csv"),
        ("fit", "t.csv", "--columns", "a", "--updates", "3"),
        ("sweep", "t.csv", "--set", "n_steps=1"),
    ],
)
def test_no_argument_of_python_is_named(words):
    write("a,b\n1,2\n2,2\n3,2\n5,2\n")
    _, out, err = run(*words)
    for name in (
        "n_wells",
        "n_init",
        "n_updates",
        "X_val",
        "diagnose(",
        "X:",
        "X has",
        "feature",
        "fit_wells",
    ):
        assert name not in out + err, out + err
