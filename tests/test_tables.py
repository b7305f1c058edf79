"""Reading tables."""

import io
import sys
import types
import zipfile

import numpy as np
import pytest

from fastebm.cli.tables import TableError, read_table

X = np.array([[1.5, -2.0], [3e-5, 4.0]])


def written(tmp_path, text, **settings):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_table(path, **settings)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1.5,-2\n3e-5,4\n",
        "a;b\r\n1.5;-2\r\n3e-5;4",
        "a\tb\n1.5\t-2\n\n3e-5\t4\n\n",
        "a b\n 1.5   -2\n3e-5 4\n",
        "\ufeffa,b\n1.5,-2\n3e-5,4\n",
        '"a","b"\n"1.5",-2\n3e-5,"4"\n',
        " a , b \n 1.5 , -2 \n 3e-5 , 4 \n",
    ],
)
def test_separators_quotes_and_marks(tmp_path, text):
    table = written(tmp_path, text)
    assert table.names == ("a", "b") and np.array_equal(table.x, X) and table.dropped == 0


def test_without_header(tmp_path):
    table = written(tmp_path, "1.5,-2\n3e-5,4\n")
    assert table.names == ("column 1", "column 2") and np.array_equal(table.x, X)
    assert np.array_equal(written(tmp_path, "1.5,-2\n3e-5,4\n", columns=["2"]).x, X[:, [1]])
    assert written(tmp_path, "1,2\n3,4\n", header="yes").names == ("1", "2")
    with pytest.raises(TableError, match="'a' is not a number"):
        written(tmp_path, "a,b\n3,4\n", header="no")


def test_chosen_columns_leave_text_alone(tmp_path):
    table = written(tmp_path, "a,name,b\n1.5,x y,-2\n3e-5,z,4\n", columns=["b", "a"])
    assert table.names == ("b", "a") and np.array_equal(table.x, X[:, ::-1])
    with pytest.raises(TableError, match="2 columns are called 'a'"):
        written(tmp_path, "a,a\n1,2\n", columns=["a"])


def test_lines_are_counted_over_the_whole_file(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((500, 3))
    text = "a,b,c\n" + "".join(",".join(map(repr, row)) + "\n" for row in x.tolist())
    assert np.array_equal(written(tmp_path, text).x, x)
    with pytest.raises(TableError, match="line 502, 'b': 'q' is not a number"):
        written(tmp_path, text + "1,q,2\n")
    bad = written(tmp_path, text + "1,,2\n", drop_na=True)
    assert np.array_equal(bad.x, x) and bad.dropped == 1


def test_arrays(tmp_path):
    np.save(tmp_path / "x.npy", X)
    assert np.array_equal(read_table(tmp_path / "x.npy").x, X)
    np.save(tmp_path / "x.npy", np.array([1, 2, 3], dtype=np.int8))
    assert read_table(tmp_path / "x.npy").x.shape == (3, 1)
    np.savez_compressed(tmp_path / "x.npz", a=X[:, 0], b=X[:, 1])
    table = read_table(tmp_path / "x.npz", ["b"])
    assert table.names == ("b",) and np.array_equal(table.x, X[:, [1]])
    records = np.array([(1.5, -2), (3e-5, 4)], dtype=[("a", float), ("b", np.float32)])
    np.save(tmp_path / "x.npy", records)
    assert read_table(tmp_path / "x.npy").names == ("a", "b")
    np.save(tmp_path / "x.npy", np.array([[1.0], [np.nan]]))
    with pytest.raises(TableError, match=r"1 missing cell in 1 row \(row 2\)"):
        read_table(tmp_path / "x.npy")


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def locked():
    """A zip whose member says that it needs a password: bit 0 of its flags, in both of its headers."""
    data = bytearray(zipped({"a.npy": b"x"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


OPENDOCUMENT = "application/vnd.oasis.opendocument.spreadsheet"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped({"mimetype": OPENDOCUMENT, "content.xml": "<x/>"}), "OpenDocument spreadsheet.*as CSV"),
        (
            zipped({f"{i}.csv": "1" for i in range(9)}),
            r"zip archive of 9 files .*unzip it and give one of them",
        ),
        (zipped({"a.npy": b"", "notes.txt": "x"}), r"zip archive of 2 files \('a\.npy', 'notes\.txt'\)"),
        (zipped({}), "is an empty zip archive"),
        (zipped({"a.npy": b"not an array"}), "damaged"),
        (zipped({"xl/workbook.xml": "<workbook/>"}), "the Excel workbook is damaged"),
        (zipped({"t.csv": "a,b\n1,2\n"})[:-30], "damaged"),
        (locked(), "damaged"),
    ],
    ids=["ods", "many", "arrays and text", "empty", "no array", "no workbook", "cut", "locked"],
)
@pytest.mark.parametrize("way", ["file", "standard input"])
def test_archives_that_hold_no_arrays(tmp_path, monkeypatch, content, message, way):
    source = "-"
    if way == "file":
        source = tmp_path / "t.xlsx"
        source.write_bytes(content)
    else:
        monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(content)))
    with pytest.raises(TableError, match=message) as caught:
        read_table(source)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(b"a,b\n1.5,-2\n3e-5,4\n")))
    assert np.array_equal(read_table("-").x, X)
    raw = io.BytesIO()
    np.save(raw, X)
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(raw.getvalue())))
    assert np.array_equal(read_table("-").x, X)


def test_long_messages_stay_short(tmp_path):
    with pytest.raises(TableError) as caught:
        written(tmp_path, "a\n" + "\n" * 3 + "x" * 10_000 + "\n")
    assert "line 5" in str(caught.value) and len(str(caught.value)) < 300
    with pytest.raises(TableError, match=r"10 missing cells in 10 rows \(line 2, 3, 4, 5, 6, ...\)"):
        written(tmp_path, "a,b\n" + "1,\n" * 10 + "1,2\n")
