"""The parts of a report: titles, tables and the order of wells."""

import re

import numpy as np
import pytest

from fastebm import cli
from fastebm.cli.page import page, table_of, title_of


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("/home/me/data/faithful.csv", "faithful"),
        ("C:\\\\tables\\\\iris.2024.csv.gz", "iris.2024"),
        ("x.npy", "x"),
        ("standard input", "standard input"),
        (".csv", ".csv"),
        ("no ending", "no ending"),
    ],
)
def test_a_title_is_no_path(source, title):
    assert title_of(source) == title
    assert f"<h1>Density of {title}</h1>" in page(source, ["<p>text</p>"])


def test_names_are_escaped():
    assert "<b>" not in table_of(["<b>", "x"], [["<b>", "<b>"]]) + page("<b>.csv", [])


def test_the_chosen_row_is_marked():
    rows = re.findall("<tr.*?</tr>", table_of(["wells", "held out"], [[1, "-2.0"], [2, "-1.4"]], chosen=1))
    assert [("chosen" in row, "taken" in row) for row in rows] == [
        (False, False),
        (False, False),
        (True, True),
    ]
    assert "chosen" not in table_of(["wells", "held out"], [[1, "-2.0"]])


def test_wide_tables_become_lists_on_a_phone():
    assert 'class="list"' in table_of(list("abcd"), [list("1234")])
    assert 'class="list"' not in table_of(list("ab"), [list("12")])


def test_wells_come_in_the_order_of_their_numbers(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="report: no matplotlib")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(m, 0.3, n) for m, n in ((0, 100), (4, 300), (8, 200))])
    np.savetxt("three.csv", x, header="x", comments="")
    assert (
        cli.main(["fit", "three.csv", "--wells", "3", "--recipe", "em", "--report", "r.html", "--quiet"]) == 0
    )
    text = (tmp_path / "r.html").read_text()
    head = text[text.index("<th>well ") :]
    assert re.findall(r"<th>well (\d)</th>", head) == ["1", "2", "3"]
    weights = re.search(r">weight</td>(.*?)</tr>", text).group(1)
    shares = [float(w) for w in re.findall(r">(0\.\d+)<", weights)]
    assert sorted(shares) == pytest.approx([1 / 6, 1 / 3, 1 / 2], abs=0.01)
    # Each column of the table is one well: its weight is that of the rows around its mean.
    means = [float(m) for m in re.findall(r">(-?[\d.]+) ± [\d.]+<", text)]
    for mean, share in zip(means, shares, strict=True):
        assert share == pytest.approx(np.mean(np.abs(x - mean) < 2), abs=0.01)
