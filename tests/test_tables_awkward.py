"""Every awkward table is read right, or refused in one line; with pandas and without."""

import bz2
import datetime
import decimal
import gzip
import io
import lzma
import random
import subprocess
import sys

import numpy as np
import pytest
from awkward import AB, PLAIN, TEXTS, Case, read, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastebm.cli import tables
from fastebm.cli.commands import _parser
from fastebm.cli.tables import TableError


def arguments(path, *words):
    return _parser().parse_args(["fit", str(path), *words])


def check(case: Case, path, capsys):
    """Read one file as the command line would, and hold it against what is expected."""
    path.write_bytes(case.data)
    if case.refused:
        with pytest.raises(TableError) as caught:
            tables.asked(arguments(path, *case.words))
        message = str(caught.value)
        assert case.refused in message and str(path) in message
        assert "\n" not in message and len(message) < 400
        return
    table = tables.asked(arguments(path, *case.words))
    said = capsys.readouterr().err
    assert table.names == case.names
    assert table.x.dtype == np.float64 and np.array_equal(table.x, np.array(case.rows, dtype=float))
    assert case.note in said if case.note else not said, said
    assert all(line.startswith(f"fastebm: note: {path}: ") for line in said.splitlines())


@pytest.fixture(params=["pandas", "no pandas"])
def with_or_without(request, monkeypatch):
    if request.param == "no pandas":
        # What the import system takes for a module that is not there.
        monkeypatch.setitem(sys.modules, "pandas", None)
    return request.param


@pytest.mark.parametrize("name", TEXTS)
def test_text(name, tmp_path, capsys, with_or_without):
    check(TEXTS[name], tmp_path / "t.csv", capsys)


def test_there_are_enough():
    assert len(TEXTS) > 80 and sum(bool(case.refused) for case in TEXTS.values()) > 25


def test_a_wrong_reading_would_be_seen(tmp_path, capsys):
    for wrong in (
        read(PLAIN, (("b", "a"), AB[1])),
        read(PLAIN, (AB[0], [[1.5, -2], [3e-5, 5]])),
        read("a,k,b\n1.5,x,-2\n"),
    ):
        with pytest.raises(AssertionError):
            check(wrong, tmp_path / "t.csv", capsys)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
STYLES = st.fixed_dictionaries(
    {
        "separator": st.sampled_from([",", ";", "\t", "|", " "]),
        "decimal": st.sampled_from([".", ","]),
        "header": st.booleans(),
        "names of rows": st.booleans(),
        "quoted": st.booleans(),
        "end": st.sampled_from(["\n", "\r\n", "\r"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"]),
        "pack": st.sampled_from([bytes, gzip.compress, bz2.compress, lzma.compress]),
    }
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(x=arrays(float, st.tuples(st.integers(2, 6), st.integers(2, 4)), elements=NUMBERS), style=STYLES)
def test_what_is_written_is_read(x, style, tmp_path_factory):
    quoted = style["quoted"] or style["decimal"] == style["separator"]
    rows = [[repr(v).replace(".", style["decimal"]) for v in row] for row in x.tolist()]
    names = [f"größe {j}".replace(" ", "_") for j in range(x.shape[1])]
    index = style["names of rows"] and style["header"]
    lines = [["", *names] if index else names] if style["header"] else []
    lines += [[f"row{i}", *row] if index else row for i, row in enumerate(rows)]
    # A name that is nothing must be seen between blanks.
    mark = '"' if quoted or (index and style["separator"] == " ") else ""
    text = (
        style["end"].join(style["separator"].join(f"{mark}{c}{mark}" for c in line) for line in lines)
        + style["end"]
    )
    path = tmp_path_factory.mktemp("written") / "t"
    path.write_bytes(style["pack"](text.encode(style["encoding"])))
    table = tables.read_table(path)
    assert np.array_equal(table.x, x), (text, table.x)
    assert table.names == tuple(names) if style["header"] else not table.named


CELLS = [
    *(
        ["1", "2.5", "-3e2", "7"],
        ["1,5", "2,0", "3"],
        ["1.234,5", "2,5"],
        ["x", "y z"],
        ["1", "NA", "-"],
        ["12%", "3 %"],
    ),
    *(
        ["true", "FALSE", ""],
        ["2020-01-01", "2021-02-03"],
        ["9007199254740993", "1"],
        ["1,234", "5"],
        ["inf", "1"],
    ),
    *(["#N/A", "4.5"], ["1990", "1991"], ["0", "1", "2"], ['"', "#", "\n"]),
]


def random_table(rng):
    separator, columns = rng.choice(",;\t |"), rng.choices(CELLS, k=rng.randint(1, 4))
    rows = [[rng.choice(cells) for cells in columns] for _ in range(rng.randint(1, 6))]
    if rng.random() < 0.7:
        rows.insert(0, [rng.choice(["a", "b", "", "1990", "0", "c d"]) for _ in columns])
    quoted = rng.random() < 0.5
    lines = [separator.join(f'"{c}"' if quoted and rng.random() < 0.7 else c for c in row) for row in rows]
    return "\n".join(line + separator * (rng.random() < 0.05) for line in lines)


def test_random_tables_are_read_alike_with_and_without_pandas_or_refused(tmp_path, monkeypatch):
    rng, path, n_read = random.Random(1), tmp_path / "t", 0
    for _ in range(300):
        path.write_text(random_table(rng))
        found = []
        for without in (False, True):
            with monkeypatch.context() as modules:
                if without:
                    modules.setitem(sys.modules, "pandas", None)
                try:
                    table = tables.read_table(path)
                    found.append((table.names, table.x.shape, table.x.tobytes(), table.notes))
                except TableError as error:
                    found.append(str(error))
        assert found[0] == found[1], path.read_text()
        n_read += not isinstance(found[0], str)
    assert 50 < n_read < 250


# ---- through pandas ----

DAYS = [datetime.date(1970, 1, 2), datetime.date(1970, 1, 4)]


def frames(pandas):
    """Name of a table: (columns for pandas, what is expected of it)."""
    return {
        "numbers": ({"a": [1.5, 3e-5], "b": [-2, 4]}, read("")),
        "text and categories": (
            {"a": [1.5, 3e-5], "b": [-2, 4], "k": ["x", "y"], "c": pandas.Categorical(["u", "v"])},
            read("", note="left out: 'k' (text: 'x', 'y'), 'c' (text: 'u', 'v')"),
        ),
        "categories of numbers": ({"a": pandas.Categorical([1.5, 3e-5]), "b": [-2, 4]}, read("")),
        "missing whole numbers": (
            {"a": [1.5, 2.0, 3e-5], "b": pandas.array([-2, None, 4], dtype="Int64")},
            read("", AB, "--drop-na"),
        ),
        "missing": ({"a": [1.5, None], "b": [-2, 4]}, refused("", "1 missing cell in 1 row (row 2)")),
        "true and false": ({"a": [True, False], "b": [1, 2]}, read("", (("a", "b"), [[1, 1], [0, 2]]))),
        "true, false, missing": (
            {"a": pandas.array([True, None], dtype="boolean"), "b": [1, 2]},
            read("", (("a", "b"), [[1, 1]]), "--drop-na"),
        ),
        "dates": (
            {"a": [1.5, 3e-5], "d": pandas.to_datetime(DAYS)},
            read(
                "",
                (("d", "a"), [[1, 1.5], [3, 3e-5]]),
                "--columns",
                "d,a",
                note="read as days since 1970-01-01",
            ),
        ),
        "dates with a zone": (
            {"d": pandas.to_datetime(["1970-01-02 00:00+06:00", "1970-01-03 12:00+00:00"], utc=True)},
            read("", (("d",), [[0.75], [2.5]]), "--columns", "1", note="'d' holds dates"),
        ),
        "durations": (
            {"a": [1.5, 3e-5], "t": pandas.to_timedelta([36, 48], unit="h")},
            read("", (("a", "t"), [[1.5, 1.5], [3e-5, 2]]), "--columns", "a,t"),
        ),
        "long identifiers": (
            {"id": [2**53 + 1, 1], "a": [1, 2]},
            refused("", "row 1, 'id': '9007199254740993' has more"),
        ),
        "long identifiers, one missing": (
            {"id": pandas.array([2**53 + 1, None], dtype="Int64"), "a": [1, 2]},
            refused("", "row 1, 'id': '9007199254740993' has more"),
        ),
        "decimals": (
            {"a": [decimal.Decimal("1.5"), decimal.Decimal("0.25")]},
            read("", (("a",), [[1.5], [0.25]])),
        ),
        "lists": ({"a": [[1, 2], [3]]}, refused("", "has no column of numbers")),
        "no rows": ({"a": pandas.Series([], dtype=float)}, refused("", "holds no rows of numbers")),
        "thousands in text": (
            {"a": ["1,234,567", "12"], "b": [1, 2]},
            read("", (("a", "b"), [[1234567, 1], [12, 2]])),
        ),
    }


def names_of_frames():
    import pandas

    return list(frames(pandas))


@pytest.mark.parametrize("kind", ["parquet", "feather"])
@pytest.mark.parametrize("name", names_of_frames())
def test_frames(name, kind, tmp_path, capsys):
    import pandas

    table, case = frames(pandas)[name]
    file = io.BytesIO()
    getattr(pandas.DataFrame(table), f"to_{kind}")(file)
    check(
        Case(file.getvalue(), case.names, case.rows, case.words, case.note, case.refused),
        tmp_path / "t",
        capsys,
    )


def test_names_of_rows_in_parquet(tmp_path, capsys):
    import pandas

    frame = pandas.DataFrame({"a": [1.5, 3e-5], "b": [-2, 4]}, index=pandas.Index(["x", "y"], name="who"))
    file = io.BytesIO()
    frame.to_parquet(file)
    check(read(file.getvalue(), note="left out: 'who' (row names)"), tmp_path / "t", capsys)
    cut = file.getvalue()[:-20]
    check(refused(cut, "the Parquet file is damaged"), tmp_path / "t", capsys)


def workbook(*sheets):
    """An Excel workbook of sheets (title, rows)."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


ROWS = [["a", "b"], [1.5, -2], [3e-5, 4]]
DATED = [
    ["day", "a", "ok"],
    [datetime.date(1970, 1, 2), 1.5, True],
    [datetime.datetime(1970, 1, 3, 12), 2, False],
]
SHEETS = {
    "sheet": ([("one", ROWS)], read("")),
    "empty rows and columns": (
        [("one", [[], [None, *ROWS[0]], [None, 1.5, -2], [], [None, 3e-5, 4]])],
        read(""),
    ),
    "no header": ([("one", ROWS[1:])], read("", (("column 1", "column 2"), AB[1]))),
    "years": (
        [("one", [["who", 1990, 1991], ["x", 1.5, -2], ["y", 3e-5, 4]])],
        read("", (("1990", "1991"), AB[1]), note="row 1 (who, 1990, 1991) is taken as names"),
    ),
    "title": (
        [("one", [["My table"], *ROWS])],
        refused("", "row 1 holds one cell ('My table'), a title it seems; say --skip 1"),
    ),
    "title, skipped": ([("one", [["My table"], *ROWS])], read("", AB, "--skip", "1")),
    "two sheets": (
        [("one", ROWS), ("two", [["c"], [1], [2]])],
        read("", note="sheet 'one' is read, the first of 'one', 'two'"),
    ),
    "second sheet": (
        [("one", ROWS), ("two", [["c"], [1], [2]])],
        read("", (("c",), [[1], [2]]), "--sheet", "two"),
    ),
    "no such sheet": ([("one", ROWS)], refused("", "no sheet 'two'; it has 'one'", "--sheet", "two")),
    "dates, true and false": (
        [("one", DATED)],
        read(
            "",
            (("day", "a", "ok"), [[1, 1.5, 1], [2.5, 2, 0]]),
            "--columns",
            "day,a,ok",
            note="'day' holds dates",
        ),
    ),
    "missing": ([("one", [["a", "b"], [1.5, None], [1, 2]])], refused("", "1 missing cell in 1 row (row 2)")),
    "a word": (
        [("one", [["a", "b"], [1.5, "lost"], [1, 2]])],
        refused("", "row 2, 'b': 'lost' is not a number"),
    ),
    "nothing": ([("one", [])], refused("", "is empty")),
}


@pytest.mark.parametrize("name", SHEETS)
def test_sheets(name, tmp_path, capsys):
    sheets, case = SHEETS[name]
    content = workbook(*sheets)
    check(Case(content, case.names, case.rows, case.words, case.note, case.refused), tmp_path / "t", capsys)


# ---- without what they need ----


@pytest.mark.parametrize(
    ("kind", "gone", "said"),
    [
        ("parquet", "pandas", "Parquet files need pandas and pyarrow: pip install pandas pyarrow ("),
        ("parquet", "pyarrow", "Parquet files need pandas and pyarrow: pip install pandas pyarrow ("),
        ("feather", "pyarrow", "Feather files need pandas and pyarrow: pip install pandas pyarrow ("),
        (
            "xlsx",
            "openpyxl",
            "is an Excel workbook, which needs pandas and openpyxl: pip install pandas openpyxl (",
        ),
        (
            "xlsx",
            "pandas",
            "is an Excel workbook, which needs pandas and openpyxl: pip install pandas openpyxl (",
        ),
    ],
)
def test_what_to_install(kind, gone, said, tmp_path, monkeypatch):
    import pandas

    path = tmp_path / "t"
    if kind == "xlsx":
        path.write_bytes(workbook(("one", ROWS)))
    else:
        getattr(pandas.DataFrame({"a": [1.0]}), f"to_{kind}")(path)
    monkeypatch.setitem(sys.modules, gone, None)
    with pytest.raises(TableError) as caught:
        tables.asked(arguments(path))
    assert (
        said in str(caught.value)
        and gone in str(caught.value).split("(")[-1]
        and "\n" not in str(caught.value)
    )


def test_a_pandas_that_cannot_be_imported(tmp_path, monkeypatch, capsys):
    (tmp_path / "pandas.py").write_text("raise ImportError('numpy.core is of another make')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    path = tmp_path / "t.csv"
    path.write_text("a,k\n1,x\n2,y\n")
    table = tables.asked(arguments(path))
    said = capsys.readouterr().err
    assert table.x.tolist() == [[1], [2]]
    assert "pandas cannot be imported (numpy.core is of another make); read without it" in said


def test_plain_tables_do_not_import_pandas(tmp_path):
    (tmp_path / "t.csv").write_text(PLAIN)
    code = "import sys; from fastebm.cli.tables import *; read_table('t.csv'); assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=tmp_path)
