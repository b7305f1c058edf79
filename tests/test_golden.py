"""What the version before computed and wrote: the same bytes now, and its files still load and go on."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import fastebm as fe
from fastebm.storage import archive

GOLDEN = Path(__file__).parent / "golden"
FILES = GOLDEN / "files"
EXPECTED = json.loads((FILES / "expected.json").read_text())
RUNS = ["persistent", "adam", "fifo", "jarzynski"]

_spec = importlib.util.spec_from_file_location("golden_digests", GOLDEN / "digests.py")
digests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(digests)

# Integer arithmetic: the same on every machine.
LINE = np.concatenate([digests.points(150, 1) - 2.0, digests.points(250, 1, 32) + 1.8]).ravel()
PLANE = digests.points(20, 2)


# ---- runs ----


def differing(before, now):
    """Names of runs whose digests differ, that are gone, or that are new."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


@pytest.fixture(scope="module")
def golden():
    return json.loads((GOLDEN / "digests.json").read_text())


def test_runs_give_the_bytes_of_the_version_before(golden):
    changed = differing(golden, digests.collect())
    assert not changed, f"{len(changed)} of {len(golden)} runs give other bytes: " + "; ".join(changed)


def test_a_changed_run_is_named(golden):
    name = "wells 8x2: mala"
    value = golden[name]
    for changed in (("0" if value[0] != "0" else "1") + value[1:], None):
        assert differing(golden, golden | {name: changed}) == [name]
    assert differing(golden, golden | {"new": value}) == ["new"]


def test_a_digest_depends_on_the_last_bit():
    x = digests.points(5, 2)
    other = x.copy()
    other[3, 1] = np.nextafter(other[3, 1], np.inf)
    assert digests.digest(x) == digests.digest(x.copy()) != digests.digest(other)


# ---- files ----


def assert_as_expected(result, name, warnings=True):
    expected = EXPECTED[name]
    assert result.theta.tolist() == expected["theta"]
    assert result.buffer.states.ravel().tolist() == expected["states"]
    assert result.history["energy_gap"].tolist() == expected["energy_gap"]
    if warnings:
        assert [w.code for w in result.warnings] == expected["warnings"]


@pytest.mark.parametrize("name", RUNS)
def test_results_load(name):
    result = fe.load(FILES / f"result-{name}.npz")
    assert_as_expected(result, name)
    assert result.energy == fe.WellMixture(theta=result.theta)


@pytest.mark.parametrize("name", RUNS)
def test_checkpoints_go_on(name, tmp_path):
    # A copy: the file is kept up to date by the run.
    path = shutil.copy(FILES / f"checkpoint-{name}.npz", tmp_path)
    result = fe.ContrastiveDivergence.resume(path, LINE)
    if name == "jarzynski":
        # Since then weighted gradients are summed by blocks: the last digits are others (see the changelog).
        np.testing.assert_allclose(result.theta, EXPECTED[name]["theta"], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(result.buffer.states.ravel(), EXPECTED[name]["states"], rtol=1e-11)
        return
    # What the checks say may change from version to version; what was trained may not.
    assert_as_expected(result, name, warnings=False)


def test_a_changed_checkpoint_is_noticed(tmp_path):
    tree, arrays = archive.read(FILES / "checkpoint-persistent.npz")
    place = tree["fields"]["state"]["chains"]["name"]
    chains = arrays[place].copy()
    # The lowest bit of every chain: one alone may be replaced by the global move before it is seen.
    chains.view(np.uint64)[...] ^= 1
    archive.write(tmp_path / "changed.npz", tree, arrays | {place: chains})
    result = fe.ContrastiveDivergence.resume(tmp_path / "changed.npz", LINE)
    with pytest.raises(AssertionError):
        assert_as_expected(result, "persistent", warnings=False)


def test_a_changed_byte_is_noticed(tmp_path):
    whole = (FILES / "result-adam.npz").read_bytes()
    theta = np.array(EXPECTED["adam"]["theta"]).tobytes()
    changed = bytearray(whole)
    changed[whole.index(theta) + 1] ^= 1
    (tmp_path / "changed.npz").write_bytes(changed)
    with pytest.raises(fe.ModelFileError, match="damaged"):
        fe.load(tmp_path / "changed.npz")


OBJECTS = {
    "buffer": [2.0, 3.0, 4.0, 5.0, 6.0],
    "independence": fe.IndependenceMH([-5.0, -4.0], [5.0, 6.0]),
    "mala": fe.MALA(0.05, temperature=0.7, bounds=(-4.0, 4.0)),
    "mixture": fe.MixtureMH([1.0, 2.0], digests.points(2, 2), 1.0 + abs(digests.points(2, 2))),
    "sgld": fe.SGLD(0.02, temperature=0.5),
    "sgld-noise": fe.SGLD(0.055, noise_std=0.085, bounds=(-6.0, 6.0)),
    "wells": digests.wells(3, 2),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_load(name):
    loaded, expected = fe.load(FILES / f"{name}.npz"), OBJECTS[name]
    if name == "buffer":
        assert (loaded.capacity, loaded.states.tolist()) == (5, expected)
        return
    assert loaded == expected
    if name == "wells":
        assert loaded.theta.tolist() == EXPECTED["wells"]


def test_densities_load():
    density = fe.load(FILES / "density.npz")
    # np.log of the scale may have another last bit elsewhere.
    np.testing.assert_allclose(density.score_samples(PLANE), EXPECTED["density"], rtol=1e-13)


def test_estimators_load():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    estimator = fe.load(FILES / "estimator.npz")
    assert (estimator.recipe, estimator.random_state) == ("em", 0)
    np.testing.assert_allclose(estimator.score_samples(1000.0 * PLANE), EXPECTED["estimator"], rtol=1e-13)


def test_every_file_is_looked_at():
    names = {p.stem for p in FILES.glob("*.npz")}
    assert names == {
        *OBJECTS,
        "density",
        "estimator",
        *(f"{k}-{n}" for k in ("result", "checkpoint") for n in RUNS),
    }
    assert EXPECTED.keys() == {*RUNS, "density", "estimator", "wells"}


# Results may gain fields, and sgld-noise has: SGLD stores its temperature too.
@pytest.mark.parametrize("name", sorted(OBJECTS.keys() - {"sgld-noise"}))
def test_files_are_written_as_they_were(name, tmp_path):
    fe.save(tmp_path / "again.npz", fe.load(FILES / f"{name}.npz"))
    assert (tmp_path / "again.npz").read_bytes() == (FILES / f"{name}.npz").read_bytes()
