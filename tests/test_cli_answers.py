"""`fastebm score --flag` (odd rows at a known rate of false alarms, and the column that makes them so) and `impute`."""

import json

import numpy as np
import pytest

import fastebm as fe
from fastebm.answers.conformal import smallest_rate, threshold
from fastebm.cli import main
from fastebm.mixtures.em import maximum_likelihood_wells
from fastebm.mixtures.held_out import held_out_scores

TRUTH = fe.WellMixture.from_mixture(
    [0.4, 0.6], [[-1.0, 0.0, 1.0], [1.0, 2.0, 0.0]], [[0.5, 0.6, 0.7], [0.7, 0.4, 0.6]]
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flag")
    fit = fe.fit_wells(TRUTH.exact_sample(1000, seed=1), 2, recipe="em", seed=1, names=["a", "b", "c"])
    fe.save(folder / "model.npz", fit)
    rows = TRUTH.exact_sample(200, seed=2)
    rows[[10, 50, 90], [0, 1, 2]] += 9.0
    np.savetxt(folder / "new.csv", rows, delimiter=",", header="a,b,c", comments="")
    return folder, fit, rows


def test_odd_rows_and_their_columns(files, capsys):
    folder, fit, _ = files
    assert main(["score", str(folder / "model.npz"), str(folder / "new.csv"), "--flag", "1%", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    found = {row["row"]: row["column"] for row in facts["flagged"]}
    assert {11: "a", 51: "b", 91: "c"}.items() <= found.items() and facts["n_flagged"] == len(found) <= 9
    assert facts["threshold"] == threshold(fit.held_out_scores, 0.01) and facts["false_alarm_rate"] == 0.01
    assert main(["score", str(folder / "model.npz"), str(folder / "new.csv"), "--flag", "0.01"]) == 0
    said = capsys.readouterr().out
    assert f"flagged         {len(found)} of 200 rows" in said and "most of all by b = " in said


def test_written_out(files, capsys):
    folder, _, _ = files
    call = ["score", str(folder / "model.npz"), str(folder / "new.csv"), "--flag", "2%", "--out"]
    assert main([*call, "-"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "log_density,flag,column" and len(lines) == 201
    assert lines[51].endswith(",1,b") and lines[1].endswith(",0,")
    assert main([*call, str(folder / "out.npy")]) == 0
    table = np.load(folder / "out.npy")
    assert table.shape == (200, 3) and table[50, 1:].tolist() == [1, 2] and table[0, 1:].tolist() == [0, 0]
    np.testing.assert_array_equal(table[:, 0], [float(line.split(",")[0]) for line in lines[1:]])


def test_imputed_cells_as_json(files, tmp_path, capsys):
    folder, _, _ = files
    (tmp_path / "gaps.csv").write_text("a,b,c\n0.5,,1\n1,2,0.25\n")
    assert main(["impute", str(folder / "model.npz"), str(tmp_path / "gaps.csv"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["n_filled"] == 1 and facts["filled"] == {"b": 1}
    assert facts["rows"][1] == [1.0, 2.0, 0.25] and np.isfinite(facts["rows"][0]).all()


def test_refusals(files, capsys):
    folder, fit, _ = files
    data = str(folder / "new.csv")
    assert main(["score", str(folder / "model.npz"), data, "--flag", "0.05%"]) == 2
    assert "takes more held-out rows than the 1,000" in capsys.readouterr().err
    fe.save(folder / "plain.npz", fit.wells)
    assert main(["score", str(folder / "plain.npz"), data, "--flag", "1%"]) == 2
    assert "fit it again with fastebm fit" in capsys.readouterr().err
    for text in ("0", "100%", "x%", "2"):
        with pytest.raises(SystemExit):
            main(["score", str(folder / "model.npz"), data, "--flag", text])
    assert "is not a rate between 0 and 1" in capsys.readouterr().err


@pytest.mark.parametrize("n", [9, 98, 272, 999, 4999])
def test_the_least_rate_is_enough(n):
    assert threshold(np.arange(float(n)), smallest_rate(n)) == 0.0
    assert threshold(np.arange(float(n)), 0.9 / (n + 1)) == -np.inf
    assert smallest_rate(n) < 1.1 / (n + 1)


# ---- the scores that a fit keeps ----


def test_held_out_scores_have_not_seen_their_rows():
    # Six wells in three features of 60 rows: the fit finds its own rows far likelier than others.
    x = np.random.default_rng(1).normal(size=(60, 3))
    wells = maximum_likelihood_wells(x, 6, std_range=(0.06, 8.0))
    fresh = np.random.default_rng(2).normal(size=(20_000, 3))
    rate = lambda scores: (wells.log_prob(fresh) < threshold(scores, 0.1)).mean()  # noqa: E731
    assert rate(held_out_scores(x, wells)) < 0.2
    # Negative control.
    assert rate(np.sort(wells.log_prob(x))) > 0.3
    assert held_out_scores(x[:9], wells) is None


def test_they_are_kept_and_in_the_units_of_x(files, tmp_path):
    _, fit, _ = files
    assert len(fit.held_out_scores) == 1000 and (np.diff(fit.held_out_scores) >= 0).all()
    assert abs(fit.held_out_scores.mean() - fit.score_samples(TRUTH.exact_sample(5000, seed=3)).mean()) < 0.15
    fe.save(tmp_path / "fit.npz", fit)
    assert fe.load(tmp_path / "fit.npz").held_out_scores.tobytes() == fit.held_out_scores.tobytes()
    x = TRUTH.exact_sample(300, seed=1)
    assert fe.fit_wells(x, 2, recipe="em", seed=1, diagnose=False).held_out_scores is None
    scaled = fe.fit_wells(1000.0 * x, 2, recipe="em", seed=1).held_out_scores
    plain = fe.fit_wells(x, 2, recipe="em", seed=1).held_out_scores
    np.testing.assert_allclose(scaled, plain - 3 * np.log(1000.0), atol=1e-6)


# ---- fastebm impute ----


def test_impute(files, tmp_path, capsys):
    folder, fit, rows = files
    text = (folder / "new.csv").read_text().splitlines()
    for i, j in ((1, 1), (2, 0), (2, 2)):
        cells = text[i].split(",")
        cells[j] = ["", "NA", "?"][j]
        text[i] = ",".join(cells)
    gaps = tmp_path / "gaps.csv"
    gaps.write_text("\n".join(text) + "\n")
    call = [
        "impute",
        str(folder / "model.npz"),
        str(gaps),
        "--na",
        "?",
        "--out",
        str(tmp_path / "filled.npy"),
    ]
    assert main([*call, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["n_filled"] == 3 and facts["filled"] == {"a": 1, "b": 1, "c": 1} and facts["n_rows"] == 200
    wanted = rows.copy()
    wanted[[0, 1, 1], [1, 0, 2]] = np.nan
    np.testing.assert_allclose(np.load(tmp_path / "filled.npy"), fe.impute(fit, wanted), rtol=1e-12)
    assert main(call) == 0 and "3 cells filled in 2 of 200 rows" in capsys.readouterr().out
    assert main([*call[:-2], "--how", "draw", "--seed", "3"]) == 0
    drawn = capsys.readouterr().out.splitlines()
    assert drawn[0] == "a,b,c" and len(drawn) == 201 and "nan" not in "".join(drawn)
    # A text column is still refused, and so is a model that is none.
    gaps.write_text("a,b,c\n1,x,3\n2,y,\n")
    assert main(call) == 2
    assert main(["impute", str(gaps), str(gaps)]) == 2
