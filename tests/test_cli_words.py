"""What the command line prints fits a terminal, speaks of its own options, and uses every option or refuses it."""

import numpy as np
import pytest

from fastebm.cli.commands import main
from fastebm.cli.figures import padded, width_of
from fastebm.cli.fit_text import blocks
from fastebm.cli.page import STYLE, table_of
from fastebm.cli.words import chosen
from fastebm.fitting.compare import compare


@pytest.fixture
def table(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 5)) * [1e30, 1e-19, 1, 1, 1]
    path = tmp_path / "t.csv"
    names = "mass in kilograms,charge in coulomb,a,\u8eab\u9577,constant"
    x[:, 4] = 7
    np.savetxt(path, x, delimiter=",", header=names, comments="", encoding="utf-8")
    return str(path)


def test_wells_of_many_columns_and_scales_fit_80_signs(table, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["fit", table, "--columns", "1,2,3,4", "--recipe", "em"]) == 0
    lines = capsys.readouterr().out.split("log-likelihood")[0].splitlines()[1:]
    assert max(map(width_of, lines)) <= 80
    heads = [line for line in lines if line.startswith("well")]
    # Every name once, and two blanks at least between cells.
    assert [word for line in heads for word in line.split("  ") if "mass" in word or "charge" in word]
    assert sum("\u8eab\u9577" in line for line in heads) == 1 and len(heads) >= 2
    for line in lines:
        assert line.count("\u00b1") == len([part for part in line.split("  ") if "\u00b1" in part])


def test_a_column_wider_than_the_terminal_is_whole():
    assert blocks(["n" * 100], [(1, 1.0, ["0 \u00b1 1"])], 80)[0].endswith("n" * 100)
    assert padded("\u8eab", 4) == "  \u8eab" and padded("a", 3, left=True) == "a  "


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "auto", "--wells", "3"], "--wells is for --model wells, not auto"),
        (["--model", "network", "--covariance", "full"], "--covariance is for --model wells, not network"),
        (["--model", "auto", "--base", "wells"], "--base is for --model network, not auto"),
        (["--hidden", "8"], "--hidden is for --model auto or network, not wells"),
        (["--max-wells", "3"], "--max-wells is for --model auto, not wells"),
        (["--model", "network", "--cyclic", "a=3"], "--cyclic is for --model wells or auto, not network"),
        (["--tails", "student", "--recipe", "contrastive"], "--recipe contrastive: leave --recipe out"),
        (["--columns", "a", "--cyclic", "b=3"], "--cyclic names the column 'b'"),
        (["--columns", "a", "--model", "network", "--validation", "2"], "--validation must be less than 1"),
    ],
)
def test_options_that_would_do_nothing_are_refused(table, capsys, words, said):
    assert main(["fit", table, *words]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""


def test_compare_speaks_of_its_options(table, capsys):
    for words, said in (
        (["--folds", "1"], "--folds must be at least 2"),
        (["--methods", "foo"], "--methods must be"),
        (
            [],
            "'constant' has zero variance (every value is 7), so its density is infinite; leave it out with --columns",
        ),
    ):
        assert main(["compare", table, *words]) == 2
        assert said in capsys.readouterr().err


def test_describe_says_what_fit_refuses(table, capsys):
    assert main(["describe", table]) == 0
    assert "'constant': leave it out with --columns, or say --preprocess auto" in capsys.readouterr().out


def test_advice_after_a_choice():
    text = "What to do: use 7 wells, or let --wells auto choose."
    assert chosen(text, "--wells") == "What to do: try --wells 7."
    assert chosen("use fewer wells (--wells auto chooses) or more rows", "") == "use fewer wells or more rows"


def test_a_fit_with_transforms_is_not_told_to_have_them(tmp_path, capsys):
    x = np.random.default_rng(0).normal(size=(200, 2))
    x[:, 1] = x[:, 1] > 0
    np.savetxt(tmp_path / "t.csv", x, delimiter=",", header="a,b", comments="")
    for how, told in (("none", True), ("auto", False)):
        assert main(["fit", str(tmp_path / "t.csv"), "--model", "auto", "--preprocess", how]) == 0
        out = capsys.readouterr().out
        assert ("which spreads them" in out) == told


def test_sentences_in_a_report_may_be_broken():
    assert '<table class="words">' in table_of(["column", "transform"], [["a", "log(x)"]], words=True)
    assert "words" not in table_of(["column", "mean"], [["a", "1"]])
    assert ".words td, .words th { text-align: left; white-space: normal" in STYLE


def test_a_comparison_fits_80_signs():
    x = np.random.default_rng(1).normal(size=(60, 1))
    text = str(compare(x, ["gm-full-raw", "em", "auto"], n_folds=5, max_seconds=0))
    assert max(map(len, text.splitlines())) <= 80
    assert "log-likelihood  gm-full-raw leads by" in text and "-0.0000" not in text
    assert "1 wells" not in text and "1 components" not in text and "chose 1 component" in text


def test_all_rows_are_100_percent():
    from fastebm.diagnostics.modes import _percent

    assert [_percent(share) for share in (1.0, 0.996, 0.194, 0.0012)] == ["100", "100", "19", "0.12"]
