"""The command line, in process and as a process of its own."""

import io
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import fastebm as fe
from fastebm import cli
from fastebm.cli.tables import read_table
from fastebm.datasets import load_old_faithful
from fastebm.mixtures.em import maximum_likelihood_wells


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def geyser(folder):
    rows = "\n".join(f"{a!r},{b!r}" for a, b in load_old_faithful().tolist())
    (folder / "data.csv").write_text("eruptions,waiting\n" + rows + "\n")
    return "data.csv"


@pytest.fixture
def model(geyser, capsys):
    assert cli.main(["fit", geyser, "--updates", "60", "--out", "model.npz"]) == 0
    capsys.readouterr()
    return "model.npz"


def run(*words):
    """Run in process; return (status, stdout, stderr)."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    try:
        status = cli.main(list(words))
    except SystemExit as leaving:
        status = leaving.code
    finally:
        sys.stdout, sys.stderr = before
    out.flush()
    return status, out.buffer.getvalue().decode(), err.getvalue()


def environment():
    """This process's, with the package that is under test."""
    return os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(fe.__file__)))}


def process(*words, **settings):
    command = [sys.executable, "-m", "fastebm", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment(), **settings)


def contents():
    return {p.name: p.read_bytes() for p in Path().iterdir() if p.is_file()}


def refused(*words):
    """Run in process and return the one line on stderr; nothing may be on stdout, no file may appear or change."""
    before = contents()
    status, out, err = run(*words)
    assert (status, out) == (2, ""), (status, out, err)
    assert err.startswith("fastebm: error: ") and err.count("\n") == 1, err
    assert contents() == before
    return err.removeprefix("fastebm: error: ")


# ---- demo and info ----


def test_info():
    status, out, _ = run("info")
    assert status == 0 and fe.__version__ in out and fe.info()["isa"] in out
    assert json.loads(run("info", "--json")[1]) == fe.info()


def test_demo_is_within_two_percent_of_maximum_likelihood(folder):
    done = process("demo", "--json", "--out", "picture.png")
    assert done.returncode == 0 and done.stderr == ""
    first, second = json.loads(done.stdout)["fits"]
    x = load_old_faithful()[:, 0]
    best = maximum_likelihood_wells(x)
    order = np.argsort(best.means_[:, 0])
    expected = np.concatenate([p[order] for p in (best.weights_, best.means_[:, 0], best.stds_[:, 0])])
    trained = np.array([row["trained"] for row in first["wells"]])
    assert (np.abs(trained / expected - 1) < 0.02).all()
    assert first["n_samples"] == 272 and first["n_updates"] > 0 and first["seconds"] > 0
    for fit in (first, second):
        scores = fit["held_out_log_likelihood"]
        assert abs(scores["trained"] - scores["maximum_likelihood"]) < 0.01
        assert all(abs(row["difference"]) < 0.02 for row in fit["wells"])
    assert (folder / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.deep
def test_demo_over_seeds():
    from fastebm.cli.demo import fit_old_faithful

    worst = max(abs(row["difference"]) for seed in range(20) for row in fit_old_faithful(seed).rows())
    # 0.0065 where it was measured.
    assert worst < 0.012


def test_demo_prints_a_table(folder):
    status, out, err = run("demo", "--no-picture", "--seed", "3")
    assert status == 0 and err == ""
    for words in (
        "Old Faithful",
        "width of well 2 (min)",
        "held-out log-likelihood",
        "warnings",
        "updates",
        "truth",
    ):
        assert words in out
    assert not os.listdir(folder)


def test_demo_refuses_a_bad_picture_before_it_works():
    assert "no folder" in refused("demo", "--out", "nowhere/demo.png")
    assert "'xyz'" in refused("demo", "--out", "demo.xyz")


def test_demo_without_matplotlib(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    status, out, err = run("demo")
    assert status == 0 and "Old Faithful" in out and not os.listdir(folder)
    # The command that helps, and the error that importing gave.
    assert "no picture: pictures need matplotlib: pip install matplotlib (" in err and "backend_agg" in err
    assert "pip install matplotlib (" in refused("demo", "--out", "demo.png")


# ---- fit, score, sample ----


class Page(HTMLParser):
    """Collects tags, sources and text."""

    def __init__(self):
        super().__init__()
        self.open, self.images, self.text, self.links = [], [], [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "img":
            self.images.append(attrs)
        self.links += [attrs[k] for k in ("src", "href", "srcset") if k in attrs]
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_fit_writes_model_picture_and_report(geyser, folder):
    words = ["fit", geyser, "--columns", "eruptions,waiting", "--wells", "2", "--seed", "1"]
    status, out, err = run(*words, "--out", "model.npz", "--plot", "fit.png", "--report", "report.html")
    assert status == 0 and err == "" and "272 rows, 2 wells" in out
    assert sorted(os.listdir(folder)) == ["data.csv", "fit.png", "model.npz", "report.html"]
    page = Page()
    page.feed((folder / "report.html").read_text())
    assert not page.open and len(page.images) == 6
    # One self-contained page: whatever it refers to is in it.
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert all(image["alt"] for image in page.images)
    text = " ".join(page.text)
    for words in (
        "Data",
        "Density and energy landscape",
        "Training curves",
        "Chains",
        "Diagnostics",
        "fastebm fit data.csv",
        "seed",
    ):
        assert words in text
    model = fe.load("model.npz")
    assert model.names == ("eruptions", "waiting")
    # Within 0.01 nats of the maximum-likelihood mixture of the same kind.
    x = load_old_faithful()
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    best = maximum_likelihood_wells(z).log_prob(z).mean() - np.log(x.std(axis=0)).sum()
    assert 0 <= best - model.score_samples(x).mean() < 0.01


def test_quiet_writes_the_files_and_says_only_what_is_wrong(geyser, folder):
    # One well for two groups: the fit warns.
    status, out, err = run("fit", geyser, "--wells", "1", "--recipe", "em", "--quiet", "--out", "model.npz")
    assert (status, out) == (0, "") and (folder / "model.npz").exists()
    assert "too_few_modes" in err and all(line.startswith("fastebm: ") for line in err.splitlines())
    assert run("score", "model.npz", geyser, "--quiet", "--out", "scores.csv") == (0, "", "")
    assert len((folder / "scores.csv").read_text().splitlines()) == 273
    # What was asked for on standard output is no table.
    assert run("sample", "model.npz", "--n", "3", "--quiet")[1].count("\n") == 4
    assert json.loads(run("score", "model.npz", geyser, "--quiet", "--json")[1])["n_rows"] == 272


def test_fit_is_reproducible(geyser):
    facts = [json.loads(run("fit", geyser, "--seed", "7", "--updates", "50", "--json")[1]) for _ in range(2)]
    for f in facts:
        del f["seconds"]
    assert facts[0] == facts[1]
    assert (
        facts[0]["command"]
        == "fastebm fit data.csv --columns eruptions,waiting --wells 2 --seed 7 --updates 50"
    )


def test_fit_one_column_from_standard_input(monkeypatch):
    text = "\n".join(map(repr, load_old_faithful()[:, 0].tolist()))
    done = process("fit", "-", "--updates", "50", "--report", "r.html", "--plot", "p.pdf", input=text)
    assert (done.returncode, done.stderr) == (0, "") and "standard input: 272 rows" in done.stdout
    assert Path("p.pdf").read_bytes()[:5] == b"%PDF-" and "column 1" in Path("r.html").read_text()


def test_fit_three_columns_by_em():
    rng = np.random.default_rng(1)
    np.save("x.npy", rng.standard_normal((200, 3)) * [1, 50, 1e-3])
    words = ("fit", "x.npy", "--recipe", "em", "--wells", "1", "--plot", "p.png", "--report", "r.html")
    status, out, _ = run(*words)
    assert status == 0 and "1 wells" not in out
    page = Page()
    page.feed(Path("r.html").read_text())
    assert len(page.images) == 3


def test_fit_chooses_two_wells(geyser):
    # Without correlations, three or more are likelier.
    words = ("fit", geyser, "--wells", "auto", "--covariance", "full", "--updates", "200", "--json")
    facts = json.loads(run(*words)[1])
    assert facts["n_wells"] == 2 and len(facts["held_out"]) > 2


def test_score_and_sample(geyser, model):
    saved = fe.load(model)
    status, out, _ = run("score", model, geyser, "--out", "-")
    scores = np.loadtxt(io.StringIO(out), skiprows=1)
    assert status == 0 and np.array_equal(scores, saved.score_samples(load_old_faithful()))
    facts = json.loads(run("score", model, geyser, "--json", "--out", "s.npy")[1])
    assert facts["log_likelihood"] == scores.mean() and np.array_equal(np.load("s.npy")[:, 0], scores)
    status, out, _ = run("sample", model, "--n", "7", "--seed", "2", "--out", "samples.csv")
    assert (status, out) == (0, "")
    table = read_table("samples.csv")
    assert table.names == ("eruptions", "waiting") and np.array_equal(table.x, saved.sample(7, seed=2))
    assert (
        json.loads(run("sample", model, "--n", "7", "--seed", "2", "--json")[1])["samples"]
        == table.x.tolist()
    )
    assert run("sample", model, "--n", "0")[1] == "eruptions,waiting\n"


def test_score_takes_columns_by_name(model):
    x = load_old_faithful()[:5]
    with open("other.csv", "w") as file:
        file.write("id,waiting,eruptions\n" + "".join(f"a,{b},{a}\n" for a, b in x))
    scores = np.loadtxt(io.StringIO(run("score", model, "other.csv", "--out", "-")[1]), skiprows=1)
    assert np.array_equal(scores, fe.load(model).score_samples(x))
    np.savetxt("bare.csv", x, delimiter=",")
    bare = np.loadtxt(io.StringIO(run("score", model, "bare.csv", "--out", "-")[1]), skiprows=1)
    assert bare == pytest.approx(scores)
    with open("foreign.csv", "w") as file:
        file.write("p,q\n1,2\n")
    assert "no column 'eruptions'" in refused("score", model, "foreign.csv")
    assert "the model has 2 (eruptions, waiting)" in refused("score", model, "foreign.csv", "--columns", "p")


def test_models_of_other_kinds():
    fe.save("wells.npz", fe.WellMixture())
    assert run("sample", "wells.npz", "--n", "2")[1].startswith("x1\n")
    fe.save("buffer.npz", fe.ReplayBuffer(3))
    assert "no density" in refused("sample", "buffer.npz")


def test_an_energy_of_which_too_little_is_known(monkeypatch):
    # log Z and exact samples are missing: one line, no traceback.
    quartic = fe.PythonEnergy(lambda X: X[:, 0] ** 4, lambda X: 4 * X**3)
    monkeypatch.setattr("fastebm.cli.fit.load", lambda path: quartic)
    Path("data.csv").write_text("a\n1\n2\n")
    assert "whose log Z is not known" in refused("score", "quartic.npz", "data.csv")
    assert "whose direct sampler is not known" in refused(
        "sample", "quartic.npz", "--n", "3", "--out", "s.csv"
    )


# ---- bad input ----

BAD_FILES = {
    "empty": ("", "is empty"),
    "blank": ("\n\n  \n", "is empty"),
    "header only": ("a,b\n", "a header and no rows"),
    "ragged": ("a,b\n1,2\n3,4,5\n", "line 3 has 3 cells, where the first line has 2"),
    "short line": ("1,2\n3\n", "line 2 has 1 cell, where the first line has 2"),
    "text": ("a,b\n1,2\n3,four\n", "line 3, 'b': 'four' is not a number"),
    "two decimal signs": (
        "a;b\n1,5;2.5\n1;2\n",
        "'1,5' is not a number; if ',' is the decimal sign, say --decimal",
    ),
    "missing": ("a,b\n1,2\n,4\n5,NA\n", "2 missing cells in 2 rows (line 3, 4)"),
    "infinite": ("a\n1\ninf\n2\n", "line 3, 'a' is infinite"),
    "one row": ("a,b\n1,2\n", "has one row"),
    "one value": ("a\n3\n3\n3\n", "zero variance"),
    "two values": ("a\n3\n3\n4\n", ""),
    "unclosed quote": ('a,b\n1,"2\n', "line 2"),
    "underscore": ("a\n1\n1_0\n", "'1_0' is not a number"),
}


@pytest.mark.parametrize("case", [c for c in BAD_FILES if BAD_FILES[c][1]])
def test_bad_tables(case):
    text, message = BAD_FILES[case]
    with open("bad.csv", "w") as file:
        file.write(text)
    error = refused("fit", "bad.csv", "--out", "m.npz", "--plot", "p.png", "--report", "r.html")
    assert "bad.csv" in error and message in error


def test_missing_cells_can_be_dropped(geyser):
    with open(geyser, "a") as file:
        file.write("NA,70\n3.3,\n")
    assert "2 missing cells in 2 rows (line 274, 275)" in refused("fit", geyser)
    facts = json.loads(run("fit", geyser, "--drop-na", "--updates", "5", "--json")[1])
    assert (facts["n_rows"], facts["n_dropped"]) == (272, 2) and "--drop-na" in facts["command"]


def test_bad_files_and_columns(geyser, model, folder):
    assert "cannot read nowhere.csv: No such file" in refused("fit", "nowhere.csv")
    assert "cannot read" in refused("fit", str(folder))
    assert "no column 'c'; it has 'eruptions', 'waiting'" in refused("fit", geyser, "--columns", "c")
    assert "asked for twice" in refused("fit", geyser, "--columns", "waiting,waiting")
    assert "distinct" in refused("fit", geyser, "--wells", "1000")
    assert "cannot read nowhere.npz" in refused("sample", "nowhere.npz")
    assert "damaged or not a fastebm file" in refused("sample", geyser)
    with open("latin.csv", "wb") as file:
        file.write("a\n1\n2 \xe9\n".encode("latin-1"))
    assert "say --separator" in refused("fit", "latin.csv")
    np.save("text.npy", np.array(["a", "b"]))
    assert "the array is <U1" in refused("fit", "text.npy")
    np.save("objects.npy", np.array([1, None]), allow_pickle=True)
    assert "never loaded" in refused("fit", "objects.npy")
    np.savez("ragged.npz", a=np.zeros(3), b=np.zeros(4))
    assert "do not make one table" in refused("fit", "ragged.npz")
    with open("cut.npy", "wb") as file:
        file.write(b"\x93NUMPY\x01\x00")
    assert "damaged" in refused("fit", "cut.npy")
    for words in (("fit",), ("score", model)):
        assert "a file that fastebm saved, not a table" in refused(*words, model)


def test_unwritable_outputs(geyser, model):
    assert "there is no folder" in refused("fit", geyser, "--out", "nowhere/m.npz")
    os.mkdir("sub")
    assert "it is a folder" in refused("fit", geyser, "--plot", "sub")
    assert "the same name" in refused("fit", geyser, "--plot", "x.png", "--report", "x.png")
    assert "standard output" in refused("fit", geyser, "--out", "-")
    assert "cannot be written as 'doc'" in refused("fit", geyser, "--plot", "x.doc")
    assert "there is no folder" in refused("sample", model, "--out", "nowhere/s.csv")


def test_full_disk(geyser, model, monkeypatch):
    import errno

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "cannot write s.csv: No space left on device" in refused("sample", model, "--out", "s.csv")
    assert "No space left" in refused("fit", geyser, "--updates", "5", "--out", model)


def test_newer_model_is_refused(model, monkeypatch):
    from fastebm.storage import archive

    with monkeypatch.context() as later:
        later.setattr(archive, "VERSION", 99)
        fe.save("newer.npz", fe.WellMixture())
    assert "update fastebm" in refused("sample", "newer.npz")


@pytest.mark.parametrize(
    "words",
    [
        ["fit", "x.csv", "--wells", "0"],
        ["fit", "x.csv", "--wells", "many"],
        ["fit", "x.csv", "--seed", "-1"],
        ["sample", "m.npz", "--n", "1.5"],
        ["fit", "x.csv", "--columns", "a,,b"],
        ["unknown"],
        [],
        ["demo", "--what"],
    ],
)
def test_bad_usage(words):
    status, out, err = run(*words)
    assert status == 2 and out == "" and "usage: fastebm" in err and "Traceback" not in err


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_progress_bar_only_on_a_terminal(geyser, quiet):
    import fcntl
    import pty
    import struct
    import termios

    mine, theirs = pty.openpty()
    # A terminal of no width has no bar.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-m", "fastebm", "fit", geyser, "--updates", "100", *quiet]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, timeout=120, env=environment())
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(mine, 4096):
            shown += piece
    except OSError:
        # How Linux says that the other end is closed.
        pass
    os.close(mine)
    assert done.returncode == 0 and (b"272 rows" in done.stdout) != bool(quiet)
    assert (b"training" in shown) == (b"reading data.csv" in shown) != bool(quiet)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_standard_output(model):
    for words in (["info"], ["sample", model]):
        with open("/dev/full", "wb") as full:
            command = [sys.executable, "-m", "fastebm", *words]
            done = subprocess.run(
                command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, env=environment()
            )
        assert (done.returncode, done.stderr) == (2, "fastebm: error: No space left on device\n")


def test_digits_follow_the_width():
    from fastebm.cli.figures import plus_minus

    assert plus_minus(5.00004321, 0.00103) == "5.00004 ± 0.00103"
    assert plus_minus(70.8976, 13.59) == "70.9 ± 13.6" and plus_minus(-1234.5, 250.4) == "-1234 ± 250"
    assert plus_minus(1e-12, 1e-15) == "1e-12 ± 1e-15"


def test_ascii_terminal(geyser):
    settings = environment() | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "fastebm", "fit", geyser, "--updates", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=settings)
    assert done.returncode == 0 and "272 rows" in done.stdout


def test_traceback_on_request():
    with pytest.raises(OSError, match="cannot read"):
        cli.main(["fit", "nowhere.csv", "--traceback"])


def test_no_reader_is_no_error(model):
    command = ["sh", "-c", f"{sys.executable} -m fastebm sample {model} --n 20000 | head -1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment())
    assert (done.stdout, done.stderr) == ("eruptions,waiting\n", "")


# ---- sweep ----


def test_sweep(geyser, folder):
    words = [
        "sweep",
        geyser,
        "--columns",
        "eruptions",
        "--set",
        "n_steps=1,5",
        "--set",
        "learning_rate=0.01,0.1",
    ]
    words += ["--updates", "40", "--out", "table.csv", "--plot", "map.png", "--resume", "runs.jsonl"]
    status, out, err = run(*words)
    assert status == 0 and err == ""
    assert "4 runs on 204 rows, 68 held out" in out and "wrote  table.csv" in out
    rows = (folder / "table.csv").read_text().splitlines()
    assert rows[0].startswith("n_steps,learning_rate,repeat,log_likelihood") and len(rows) == 5
    assert (folder / "map.png").read_bytes().startswith(b"\x89PNG")
    assert len((folder / "runs.jsonl").read_text().splitlines()) == 5
    # Nothing is run twice.
    assert run(*words)[1] == out


def test_sweep_of_the_notebook_as_json(geyser):
    status, out, _ = run(
        *["sweep", geyser, "--columns", "1", "--recipe", "notebook", "--set", "sampler__noise_std=0.05,0.3"],
        *["--updates", "30", "--no-checks", "--json"],
    )
    found = json.loads(out)
    assert (
        status == 0
        and len(found["runs"]) == 2
        and found["best"]
        in (
            {"sampler__noise_std": 0.05},
            {"sampler__noise_std": 0.3},
        )
    )
    assert found["runs"][0]["nats_lost"] is None and found["runs"][0]["error"] == ""


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "n_step=3"],
        ["--set", "n_steps"],
        ["--set", "n_steps=1,,2"],
        ["--set", "n_steps=1", "--set", "n_steps=2"],
        ["--set", "n_steps=-1"],
        ["--set", "n_steps=1", "--test", "1"],
        ["--set", "n_steps=1", "--test", "0"],
        ["--set", "n_steps=1", "--recipe", "notebook"],
        ["--set", "n_steps=1", "--plot", "map.xyz"],
        [],
    ],
)
def test_sweep_refuses(geyser, words):
    before = contents()
    status, out, err = run("sweep", geyser, *words)
    # What argparse itself refuses has the usage above it.
    assert (status, out) == (2, "") and " error: " in err.splitlines()[-1]
    assert contents() == before
