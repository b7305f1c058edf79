"""Every example runs as a user would run it, and does what it promises."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stats import Z_LIMIT

import fastebm as fe

FOLDER = Path(__file__).parent.parent / "examples"
if not FOLDER.is_dir():
    pytest.skip("examples: no checkout beside the tests", allow_module_level=True)

NEEDS = {
    "anomalies": "sklearn",
    "digits": "sklearn",
    "own_energy": "matplotlib",
    "study_of_failure": "matplotlib",
    "toys": "matplotlib",
}


def run(name, folder, *words):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"example {name}: no {NEEDS[name]}")
    root = os.path.dirname(os.path.dirname(os.path.abspath(fe.__file__)))
    done = subprocess.run(
        [sys.executable, "-W", "error", FOLDER / f"{name}.py", "--quick", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": root},
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def check_picture(path):
    pixels = pytest.importorskip("matplotlib.image").imread(path)[:, :, :3]
    assert min(pixels.shape[:2]) > 400
    # Paper, and enough on it.
    assert 0.05 < (pixels.min(axis=2) < 0.99).mean() < 0.85


def test_each_has_its_test():
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert {"anomalies", "notebook_dropin", "own_energy", "study_of_failure", "truth_table"} < names
    assert all(f"test_{name}" in globals() for name in names)


def test_anomalies(tmp_path):
    out = run("anomalies", tmp_path)
    verdicts = re.findall(r"min: +[\d.]+ nats, (\w+)", out)
    assert verdicts == ["ordinary", "ordinary", "anomaly", "anomaly"]
    exceed = int(re.search(r"(\d+) of the 272 recorded", out).group(1))
    assert exceed < 20


@pytest.mark.parametrize("model", [pytest.param("mlp", marks=pytest.mark.deep), "conv"])
def test_digits(tmp_path, model):
    # Sixty updates of a small network: no worse than the base it starts at, and the certificate knows where that is.
    words = ["--picture", "digits.png"] if model == "mlp" else ["--split", "7"]
    out = run("digits", tmp_path, "--model", model, *words)
    lower, upper = map(float, re.search(r"interval (-?[\d.]+) to (-?[\d.]+),", out).groups())
    base = float(re.search(r"base alone: ([\d.]+)", out).group(1))
    assert "parameters, 60 updates" in out and "NOT to be trusted" not in out
    assert 14 < base < 17 and lower < upper < lower + 3 and abs((lower + upper) / 2 - base) < 2
    assert re.search(r"network against mixture: better by -", out)
    if model == "mlp":
        check_picture(tmp_path / "digits.png")


def test_the_split_of_the_digits_is_one():
    with np.load(FOLDER / "data" / "digits_split.npz") as rows:
        parts = [rows[k] for k in ("itr", "iva", "ite")]
    assert [len(part) for part in parts] == [1200, 297, 300]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(1797))


def test_toys(tmp_path):
    out = run("toys", tmp_path, "--picture", "toys.png")
    found = {
        n: (float(a), float(b))
        for n, a, b in re.findall(r"^(\w+) +KL ([\d.]+) \(base alone ([\d.]+)\)", out, re.M)
    }
    assert set(found) == {"eight_gaussians", "moons", "checkerboard", "rings"}
    # KL(truth, normal law) = log of its mean density less the entropy: for eight normal laws of std 0.2, apart,
    # -H = -log(8 x 2 pi e 0.04); the base has variance 2.25 (2 + 0.04) along both axes.
    exact = math.log(2 * math.pi * 2.25 * 2.04) + 1 / 2.25 - math.log(8 * 2 * math.pi * math.e * 0.04)
    assert found["eight_gaussians"][1] == pytest.approx(exact, abs=0.02)
    assert all(fit < base - 0.2 for fit, base in found.values())
    check_picture(tmp_path / "toys.png")


def test_notebook_dropin(tmp_path):
    out = run("notebook_dropin", tmp_path)
    assert "every number identical: yes" in out and "times faster" in out


def test_own_energy(tmp_path):
    out = run("own_energy", tmp_path, "--out", "ring.png")
    assert "the gradients agree" in out and "WRONG: dE/dx" in out
    mean, error, exact = map(
        float, re.search(r"mean \|x\| +([\d.]+) \+- ([\d.]+), exact ([\d.]+)", out).groups()
    )
    assert abs(mean - exact) < Z_LIMIT * error + 1e-4
    assert "warnings  none" in out and "step 0.03: warning divergence" in out
    assert "0.677342" in out and "quadrature" in out
    check_picture(tmp_path / "ring.png")


def test_study_of_failure(tmp_path):
    out = run("study_of_failure", tmp_path, "--out", "study.png")
    kl = {name: float(value) for name, value in re.findall(r"^(.+): KL ([\d.]+) nats", out, re.M)}
    assert len(kl) == 8
    assert kl["the same + global move (default)"] < 0.02 < 0.2 < kl["cold, 30 steps (notebook)"]
    assert "temperature" in out and "mode_weights_not_identified" in out
    check_picture(tmp_path / "study.png")


def test_truth_table(tmp_path):
    out = run("truth_table", tmp_path)
    gap = {
        name.strip(): float(value)
        for name, value in re.findall(r"^(.{24}) +[\d.]+ \[.*?\] +(-?[\d.]+) \[", out, re.M)
    }
    assert gap["notebook recipe"] > 0.3 and abs(gap["default recipe"]) < 0.002
    assert re.search(r"default recipe \(100 runs\): no warning", out)
