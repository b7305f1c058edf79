"""Every example runs as a user would run it, and does what it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stats import Z_LIMIT

import fastebm as fe

FOLDER = Path(__file__).parent.parent / "examples"
if not FOLDER.is_dir():
    pytest.skip("examples: no checkout beside the tests", allow_module_level=True)

NEEDS = {"anomalies": "sklearn", "own_energy": "matplotlib", "study_of_failure": "matplotlib"}


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


def test_there_are_five_and_each_has_its_test():
    names = {path.stem for path in FOLDER.glob("*.py")}
    assert names == {"anomalies", "notebook_dropin", "own_energy", "study_of_failure", "truth_table"}
    assert all(f"test_{name}" in globals() for name in names)


def test_anomalies(tmp_path):
    out = run("anomalies", tmp_path)
    verdicts = re.findall(r"min: +[\d.]+ nats, (\w+)", out)
    assert verdicts == ["ordinary", "ordinary", "anomaly", "anomaly"]
    exceed = int(re.search(r"(\d+) of the 272 recorded", out).group(1))
    assert exceed < 20


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
