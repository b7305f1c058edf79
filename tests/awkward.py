"""Tables as people and programs write them: what is read of each, or the one line that refuses it.

Each case: content, words of the command line, and either (names, rows) or the text of the refusal. A note is what
must be said on stderr of what was left out or taken for granted.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from dataclasses import dataclass

AB = (("a", "b"), [[1.5, -2.0], [3e-5, 4.0]])
PLAIN = "a,b\n1.5,-2\n3e-5,4\n"


@dataclass(frozen=True)
class Case:
    content: str | bytes
    names: tuple[str, ...] = ()
    rows: list | None = None
    words: tuple[str, ...] = ()
    note: str = ""
    refused: str = ""

    @property
    def data(self) -> bytes:
        return self.content.encode() if isinstance(self.content, str) else self.content


def read(content, found=AB, *words, note=""):
    return Case(content, found[0], found[1], words, note)


def refused(content, text, *words):
    return Case(content, refused=text, words=words)


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


TEXTS = {
    # Row names and headers.
    "R write.csv": read('"","a","b"\n"1",1.5,-2\n"2",3e-5,4\n', note="left out: 'row names' (row names)"),
    "R names as text": read('"","a","b"\n"Mazda RX4",1.5,-2\n"Fiat",3e-5,4\n', note="row names"),
    "R write.table": read('"a" "b"\n"1" 1.5 -2\n"2" 3e-5 4\n', note="row names"),
    "R data sets": read('"rownames","a","b"\n1,1.5,-2\n2,3e-5,4\n', note="'rownames' (row names)"),
    "pandas index": read(",a,b\n0,1.5,-2\n1,3e-5,4\n", note="row names"),
    "pandas index kept": read(
        ",a,b\n0,1.5,-2\n1,3e-5,4\n", (("row names", "b"), [[0, -2], [1, 4]]), "--columns", "row names,b"
    ),
    "index by position": read(
        ",a,b\n7,1.5,-2\n9,3e-5,4\n", (("row names", "b"), [[7, -2], [9, 4]]), "--columns", "1,3"
    ),
    "pandas index twice": read("Unnamed: 0,a,b\n0,1.5,-2\n1,3e-5,4\n", note="'Unnamed: 0' (row names)"),
    "numbers as names": read(
        ",0,1\n0,1.5,-2\n1,3e-5,4\n", (("0", "1"), AB[1]), note="line 1 (, 0, 1) is taken as names"
    ),
    "header of years": read(
        "1990,1991,1992\n1.5,2,3\n4,5,6\n",
        (("1990", "1991", "1992"), [[1.5, 2, 3], [4, 5, 6]]),
        note="--header no reads it as numbers",
    ),
    "years and a country": read(
        "country,1990,1991\nDE,1.5,-2\nFR,3e-5,4\n",
        (("1990", "1991"), AB[1]),
        note="'country' (text: 'DE', 'FR')",
    ),
    "one year": refused("x,2000\ny,35\n", "may be names or numbers"),
    "years in no order": refused("x,2000,1800,1900\ny,35,70,3\n", "may be names or numbers"),
    "two numbers that count": refused("0,1\n0.1,0.99\n", "may be names or numbers"),
    "two numbers, told": read(
        "0,1\n0.1,0.99\n", (("column 1", "column 2"), [[0, 1], [0.1, 0.99]]), "--header", "no"
    ),
    "zeros and ones": read("0,1\n1,1\n", (("column 1", "column 2"), [[0, 1], [1, 1]])),
    "years are numbers": read(
        "1990,1995\n1991,1996\n", (("column 1", "column 2"), [[1990, 1995], [1991, 1996]])
    ),
    "no header": read("1.5,-2\n3e-5,4\n", (("column 1", "column 2"), AB[1])),
    "no header but text": read(
        "x,1.5,-2\ny,3e-5,4\n", (("column 2", "column 3"), AB[1]), note="'column 1' (text"
    ),
    "one name is a number": read("a,b,3\n1,2,3\n", (("a", "b", "3"), [[1, 2, 3]]), note="is taken as names"),
    "half of the names are numbers": refused(
        "150,4,setosa,versicolor\n5.1,3.5,1.4,0.2\n", "may be names or numbers"
    ),
    "names or numbers": refused(
        "0,1,2\n5,3,8\n", "line 1 ('0', '1', '2') may be names or numbers; say --header yes"
    ),
    "names twice": read(
        "a,a\n1.5,-2\n3e-5,4\n", (("a (1)", "a (2)"), AB[1]), note="'a' names more than one column"
    ),
    "one of two names": refused(
        "a,b,a\n1,2,3\n", "2 columns are called 'a'; choose by position, --columns 1, 3", "--columns", "a"
    ),
    "a name is missing": read("a,,b\n1,2,3\n", (("a", "column 2", "b"), [[1, 2, 3]])),
    # Separators, ends of lines, comments.
    "trailing comma": read("a,b,\n1.5,-2,\n3e-5,4,\n"),
    "trailing comma below": read("a,b\n1.5,-2,\n3e-5,4,\n"),
    "trailing tab once": read("a\tb\n1.5\t22\t\n3e-5\t4\n", (("a", "b"), [[1.5, 22], [3e-5, 4]])),
    "trailing empty quotes": read('a,b\n1.5,22,""\n3e-5,4\n', (("a", "b"), [[1.5, 22], [3e-5, 4]])),
    "trailing commas, no header": read("1.5,-2,,\n3e-5,4,,\n", (("column 1", "column 2"), AB[1])),
    "trailing comma, asked for": refused(
        "a,b,\n1.5,-2,\n3e-5,4,\n", "column 'column 3' is empty", "--columns", "3"
    ),
    "nothing but commas": refused(",,\n,,\n", "has no column of numbers"),
    "trailing comma once": read("a,b\n1.5,-2\n3e-5,4,\n"),
    "lines of commas at the end": read(PLAIN + ",\n,\n"),
    "auto-mpg": read(
        '18.0   8   307.\t"chevrolet malibu"\n15.0   ?   350.\t"buick"\n',
        (("column 1", "column 2", "column 3"), [[18, 8, 307]]),
        "--drop-na",
        note="'column 4' (text: 'chevrolet mal",
    ),
    "iris": read(
        "5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n\n",
        (("column 1", "column 2"), [[5.1, 3.5], [4.9, 3]]),
        note="text",
    ),
    "adult": read(
        "39, State-gov, 77516\n50, Private, 83311\n",
        (("column 1", "column 3"), [[39, 77516], [50, 83311]]),
        note="text",
    ),
    "semicolons": read("a;b\r\n1.5;-2\r\n3e-5;4"),
    "tabs": read("a\tb\n1.5\t-2\n\n3e-5\t4\n\n"),
    "tabs and blanks": read("the a\tthe b\n1.5\t-2\n3e-5\t4\n", (("the a", "the b"), AB[1])),
    "bars": read("a|b\n1.5|-2\n3e-5|4\n"),
    "blanks": read("  a      b\n1.5     -2\n3e-5     4\n"),
    "old Mac": read("a,b\r1.5,-2\r3e-5,4\r"),
    "Excel's own line": read("sep=;\na;b\n1.5;-2\n3e-5;4\n"),
    "comments": read("# made by hand\n% twice\na,b\n1.5,-2\n# half\n3e-5,4\n"),
    "a row behind a sign": read("a,b\n1.5,-2\n#1,2\n3e-5,4\n", note="also line 3, which has 2 cells"),
    "Excel's error first": refused(
        "a,b\n1.5,-2\n#DIV/0!,2\n#N/A,4\n", "2 missing cells in 2 rows (line 3, 4)"
    ),
    "savetxt header": read("# a,b\n1.5,-2\n3e-5,4\n", note="the comment in line 1 is taken as names"),
    "lines above": read("Source: a bank\nMade,2024,x,y\na,b\n1.5,-2\n3e-5,4\n", AB, "--skip", "2"),
    "lines above, not skipped": refused(
        "Source: a bank\n\na,b\n1.5,-2\n3e-5,4\n", "if the table begins in line 3, say --skip 2"
    ),
    "a decimal comma between commas": refused(
        "a,b\n1,5,2\n2,5,3\n", "line 2 has 3 cells, where the first line has 2"
    ),
    "quotes": read('"a","b"\n"1.5","-2"\n"3e-5","4"\n'),
    "a separator in quotes": read('name,a,b\n"x, y",1.5,-2\n"z",3e-5,4\n', note="'name' (text: 'x, y', 'z')"),
    "a line end in quotes": read('name,a,b\n"x\ny",1.5,-2\n"z",3e-5,4\n', note="'name' (text"),
    "a quote stays open": refused(
        'a,b\n1,"2\n3,4\n', "line 2: unexpected end of data; mend the quotes there"
    ),
    "a quote stays open between blanks": refused('a b\n1 "2\n3 4\n', "line 2: a quote stays open; mend it"),
    "short row": refused("a,b\n1,2\n3\n", "line 3 has 1 cell, where the first line has 2"),
    "long row": refused("a,b\n1,2\n3,4,5\n", "line 3 has 3 cells, where the first line has 2"),
    # Numbers.
    "decimal comma": read("a;b\n1,5;-2\n3e-5;4,0\n"),
    "decimal comma and points": read("a;b\n1.234,5;-2\n0,5;4\n", (("a", "b"), [[1234.5, -2], [0.5, 4]])),
    "decimal comma, blanks": read("a b\n1,5 -2\n0,5 4\n", (("a", "b"), [[1.5, -2], [0.5, 4]])),
    "decimal comma, quoted": read('a,b\n"1,5",-2\n"0,5",4\n', (("a", "b"), [[1.5, -2], [0.5, 4]])),
    "decimal comma, tabs": read("a\tb\n1,5\t-2\n0,5\t4\n", (("a", "b"), [[1.5, -2], [0.5, 4]])),
    "decimal comma, chosen column": read(
        "a;b\n1.234;1,5\n2.000;2,5\n", (("a",), [[1234], [2000]]), "--columns", "a"
    ),
    "one column, decimal comma": refused("a\n1,5\n2,5\n", "say --separator ';' --decimal ,"),
    "one column, told": read("a\n1,5\n2,5\n", (("a",), [[1.5], [2.5]]), "--separator", ";", "--decimal", ","),
    "thousands or decimals": refused(
        "a;b\n1,234;2\n5,678;3\n", "line 2, 'a': '1,234' may be 1234 or 1.234; say --decimal . or --decimal ,"
    ),
    "thousands, told": read(
        "a;b\n1,234;2\n5,678;3\n", (("a", "b"), [[1234, 2], [5678, 3]]), "--decimal", "."
    ),
    "decimals, told": read(
        "a;b\n1,234;2\n5,678;3\n", (("a", "b"), [[1.234, 2], [5.678, 3]]), "--decimal", ","
    ),
    "thousands": read('a,b\n"1,234,567",2.5\n"12,345",3\n', (("a", "b"), [[1234567, 2.5], [12345, 3]])),
    "thousands of every kind": read(
        "a;b;c\n1 234.5;1'234;12\u00a0345\n7;8;9\n", (("a", "b", "c"), [[1234.5, 1234, 12345], [7, 8, 9]])
    ),
    "two decimal signs": refused("a;b\n1,5;2.5\n3;4\n", "'1,5' is not a number; if ',' is the decimal sign"),
    "infinite per cent": refused("a,b\ninf%,1\n12%,2\n", "line 2, 'a' is infinite"),
    "per cent": read(
        "a,b\n12%,1\n12.5 %,2\n", (("a", "b"), [[0.12, 1], [0.125, 2]]), note="'a' is in per cent"
    ),
    "half per cent": refused(
        "a,b\n12%,1\n12.5,2\n", "'12%' is not a number; write all of the column in per cent"
    ),
    "true and false": read("a,b\nTRUE,1.5\nfalse,2\n", (("a", "b"), [[1, 1.5], [0, 2]])),
    "Fortran": read("a b\n 0.15D+01 -2\n 3d-5 4\n"),
    "a real minus": read("a,b\n\u22121.5,1\n2,2\n", (("a", "b"), [[-1.5, 1], [2, 2]])),
    "missing": refused(
        "a,b\n1,NA\n2,3\n?,#N/A\n", "3 missing cells in 2 rows (line 2, 4); fill them, or leave"
    ),
    "missing, dropped": read(
        "a,b\n1.5,-2\n,1\nNA,1\nn/a,1\n-,1\nnull,1\nNone,1\n#DIV/0!,1\n.,1\n3e-5,4\n", AB, "--drop-na"
    ),
    "a number for missing": read("a,b\n1.5,-2\n-999,1\n3e-5,4\n", AB, "--na=-999.0", "--drop-na"),
    "a word for missing": read("a,b\n1.5,-2\nlost,1\n3e-5,4\n", AB, "--na", "lost", "--drop-na"),
    "a word among numbers": refused(
        "a,b\n1,2\nlost,4\n",
        "line 3, 'a': 'lost' is not a number; if it stands for a missing value, say --na lost --drop-na",
    ),
    "a unit": refused(
        "a,b\n1 kg,2\n3 kg,4\n", "'1 kg' is not a number; write the number alone, its unit in the header"
    ),
    "infinite": refused(
        "a,b\n1,2\ninf,4\n", "line 3, 'a' is infinite; leave the cell empty and say --drop-na"
    ),
    "too large": refused("a,b\n1e400,2\n3,4\n", "line 2, 'a' is infinite"),
    "long identifiers": refused(
        "id,a\n9007199254740993,2\n1,4\n", "line 2, 'id': '9007199254740993' has more digits"
    ),
    "long identifiers, asked for": read(
        "id,a\n9007199254740993,2\n1,4\n",
        (("id",), [[9007199254740992], [1]]),
        "--columns",
        "id",
        note="rounded",
    ),
    "larger than 64 bits": refused("id,a\n123456789012345678901,2\n1,4\n", "more digits than float64 holds"),
    # Text, dates, nothing.
    "text": read(
        "a,kind,b\n1.5,x,-2\n3e-5,y,4\n", note="left out: 'kind' (text: 'x', 'y'); --columns chooses"
    ),
    "text, asked for": refused("a,kind\n1,x\n2,y\n", "line 2, 'kind': 'x' is text", "--columns", "kind"),
    "nothing but text": refused("a,kind\nu,x\nv,y\n", "has no column of numbers: line 2, 'a': 'u' is text"),
    "dates": read(
        "day,a\n2024-01-01,1.5\n2024-01-02,2\n",
        (("a",), [[1.5], [2]]),
        note="'day' (dates); --columns chooses (dates as days since 1970)",
    ),
    "dates, asked for": read(
        "day,a\n1970-01-02,1.5\n1970-01-03T12:00:00Z,2\n",
        (("day", "a"), [[1, 1.5], [2.5, 2]]),
        "--columns",
        "1,2",
        note="'day' holds dates, read as days since 1970-01-01",
    ),
    "months": read(
        "m,a\n1970-01,1.5\n1970-03,2\n", (("m",), [[0], [59]]), "--columns", "m", note="'m' holds dates"
    ),
    "other dates": read(
        "day,a\n1/2/2024,1\n12/2/2024,2\n", (("a",), [[1], [2]]), note="'day' (text: '1/2/2024'"
    ),
    "other dates, asked for": refused(
        "day,a\n1.2.2024,1\n12.2.2024,2\n",
        "'1.2.2024' is text; write dates as 2024-12-31",
        "--columns",
        "day",
    ),
    "dates with names of months": read(
        "d,a\n19-Sep-03,1\n3 Oct 2004,2\n", (("a",), [[1], [2]]), note="'d' (text"
    ),
    "times": read("t,a\n12:30,1\n13:00:05,2\n", (("a",), [[1], [2]]), note="'t' (text: '12:30'"),
    "an empty column": read("a,b,c\n1.5,-2,\n3e-5,4,NA\n", note="left out: 'c' (empty)"),
    "empty": refused("", "is empty"),
    "comments only": refused("# nothing\n", "is empty (comments apart)"),
    "header only": refused("a,b\n", "holds a header and no rows"),
    "one column": read("a\n1.5\n2\n", (("a",), [[1.5], [2]])),
    "one column, blanks in its name": read("waiting time\n1.5\n2\n", (("waiting time",), [[1.5], [2]])),
    "one column, nothing in a row": refused(
        "a\n1,\n,\n2\n", "1 missing cell in 1 row (line 3)", "--separator", ","
    ),
    "one column of text": refused("a\nx\ny\n", "has no column of numbers"),
    # Encodings and packing.
    "byte-order mark": read("\ufeff" + PLAIN),
    "UTF-16": read(PLAIN.encode("utf-16")),
    "UTF-16 without a mark": read(PLAIN.encode("utf-16-le")),
    "Latin-1": read(
        "größe,b\n1.5,-2\n3e-5,4\n".encode("latin-1"), (("größe", "b"), AB[1]), note="not UTF-8, read as"
    ),
    "Shift JIS": refused("表ー,b\n1.5,-2\n".encode("shift_jis"), "say which: --encoding shift_jis"),
    "Shift JIS, told": read(
        "表ソ,b\n1.5,-2\n".encode("shift_jis"), (("表ソ", "b"), [[1.5, -2]]), "--encoding", "shift_jis"
    ),
    "bytes": refused(b"\x00\x01\x02" * 50, "is not text, nor a kind of table that is known"),
    "whole numbers in binary": refused(b"\x01\x00\x00\x00\x07\x00\x00\x00" * 9, "is not text, nor a kind of"),
    "gzip": read(gzip.compress(PLAIN.encode())),
    "bzip2": read(bz2.compress(PLAIN.encode())),
    "xz": read(lzma.compress(PLAIN.encode())),
    "zip": read(zipped(t_csv=PLAIN)),
    "gzip, cut": refused(gzip.compress(PLAIN.encode())[:-9], "its gzip data are damaged"),
    "two in a zip": refused(
        zipped(a_csv=PLAIN, b_csv=PLAIN), "is a zip archive of 2 files ('a.csv', 'b.csv'); unzip it"
    ),
    "a web page": refused(
        "<!DOCTYPE html>\n<html><body>", "is a web page, not a table; download the table itself"
    ),
    "JSON": refused('{"a": [1, 2]}', "is JSON, not a table"),
    "old Excel": refused(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls), not a table; save it as .xlsx"
    ),
}
