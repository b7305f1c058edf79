"""Saving and loading: what comes back, what is refused, and that a file is whole or untouched."""

import errno
import io
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

import fastebm as fe
from fastebm.storage import archive, codec

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
PLANE = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 2.0]], [[0.5, 0.6], [0.7, 0.4]])
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


@pytest.fixture(scope="module")
def result():
    x = TRUTH.exact_sample(300, seed=1)[:, 0]
    return fe.ContrastiveDivergence(fe.WellMixture(), n_updates=20, n_chains=16).fit(x, seed=2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def back(path, obj):
    fe.save(path, obj)
    return fe.load(path)


# ---- round trips ----


@pytest.mark.parametrize(
    "energy",
    [
        fe.WellMixture(),
        TRUTH,
        PLANE,
        fe.WellMixture(3, 4),
        fe.WellMixture(theta=[5e-324, -0.0, 1.7e308, 1 / 3, -np.pi, 1e-300, 2.0**-1074]),
    ],
    ids=["default", "truth", "plane", "large", "extreme"],
)
def test_energies_come_back_to_the_bit(path, energy):
    loaded = back(path, energy)
    assert type(loaded) is type(energy)
    assert loaded == energy
    assert loaded.theta.tobytes() == energy.theta.tobytes()


@pytest.mark.parametrize(
    "sampler",
    [
        fe.SGLD(0.055, noise_std=0.085, bounds=(-6.0, 6.0)),
        fe.SGLD(0.1, temperature=0.5),
        fe.MALA(1 / 3),
        fe.IndependenceMH([-1.0, -2.0], [1.0, 2.0]),
    ],
    ids=repr,
)
def test_samplers_come_back(path, sampler):
    loaded = back(path, sampler)
    assert loaded == sampler
    start = np.zeros((5, 2))
    assert (
        loaded.sample(PLANE, start, 10, seed=1).tobytes()
        == sampler.sample(PLANE, start, 10, seed=1).tobytes()
    )


def test_results_come_back(path, result):
    loaded = back(path, result)
    assert loaded.theta.tobytes() == result.theta.tobytes()
    assert loaded.history.dtype == result.history.dtype
    assert loaded.history.tobytes() == result.history.tobytes()
    assert loaded.buffer == result.buffer
    assert loaded.buffer.states.shape == result.buffer.states.shape
    assert (loaded.energy, loaded.sampler, loaded.global_move) == (
        result.energy,
        result.sampler,
        result.global_move,
    )
    for name in (
        "acceptance_rate",
        "global_acceptance_rate",
        "n_clipped",
        "effective_sample_size",
        "warnings",
    ):
        assert getattr(loaded, name) == getattr(result, name)
    assert loaded.log_weights.tobytes() == result.log_weights.tobytes()


def test_runs_come_back_and_go_on(path):
    sampler = fe.cycle((fe.MALA(0.1), 2), (fe.IndependenceMH([-3.0, -3.0], [3.0, 3.0]), 1))
    start = np.linspace(-1.0, 1.0, 12).reshape(6, 2)
    whole = sampler.run(PLANE, start, 30, seed=4)
    half = sampler.run(PLANE, start, 15, seed=4, thin=5)
    assert back(path, sampler) == sampler
    state = back(path, half.state)
    assert fe.load(path).stream == half.state.stream
    assert sampler.run(PLANE, state, 15).x.tobytes() == whole.x.tobytes()
    result = back(path, half)
    assert (result.trace.tobytes(), result.acceptance_rates) == (half.trace.tobytes(), half.acceptance_rates)
    assert sampler.run(PLANE, result.state, 15).x.tobytes() == whole.x.tobytes()


@pytest.mark.parametrize("n", [0, 2, 5])
def test_buffers_come_back(path, n):
    buffer = fe.ReplayBuffer(3, 2)
    buffer.push(np.arange(2.0 * n).reshape(n, 2))
    loaded = back(path, buffer)
    assert loaded == buffer
    loaded.push([[9.0, 9.0]])
    buffer.push([[9.0, 9.0]])
    assert loaded == buffer


@pytest.mark.parametrize("recipe", ["em", "contrastive"])
def test_fitted_wells_come_back(path, recipe):
    x = PLANE.exact_sample(200, seed=1) * [1.0, 1e6]
    model = fe.fit_wells(x, 2, recipe=recipe, n_updates=10, seed=1)
    loaded = back(path, model)
    assert loaded.score_samples(x).tobytes() == model.score_samples(x).tobytes()
    assert loaded.sample(5, seed=1).tobytes() == model.sample(5, seed=1).tobytes()
    assert (loaded.training is None) == (recipe == "em")


@pytest.mark.parametrize("n_wells", [2, "auto"])
@pytest.mark.parametrize("frame", [False, True])
def test_estimators_come_back(path, n_wells, frame):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    X = PLANE.exact_sample(120, seed=1)
    if frame:
        X = pytest.importorskip("pandas", reason="pandas is not installed").DataFrame(X, columns=["a", "b"])
    density = fe.EnergyDensity(n_wells, n_updates=10, n_folds=2, max_wells=2, random_state=3).fit(X)
    loaded = back(path, density)
    assert loaded.get_params() == density.get_params()
    assert loaded.score_samples(X).tobytes() == density.score_samples(X).tobytes()
    assert loaded.sample(4).tobytes() == density.sample(4).tobytes()
    assert hasattr(loaded, "feature_names_in_") == frame
    assert loaded.training_.history.tobytes() == density.training_.history.tobytes()
    if n_wells == "auto":
        assert loaded.held_out_.tobytes() == density.held_out_.tobytes()
    assert loaded.fit(X).means_.tobytes() == density.means_.tobytes()


def test_unfitted_estimators_come_back(path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    loaded = back(path, fe.EnergyDensity("auto", learning_rate=0.5))
    assert loaded.get_params() == fe.EnergyDensity("auto", learning_rate=0.5).get_params()
    assert not hasattr(loaded, "means_")


def test_same_object_same_bytes(tmp_path, result):
    fe.save(tmp_path / "a", result)
    fe.save(tmp_path / "b", result)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_readable_by_numpy_without_pickle(path):
    fe.save(path, PLANE)
    with np.load(path, allow_pickle=False) as archive:
        assert np.array_equal(archive["a0"], PLANE.theta)


# ---- refused ----


def test_python_energy_is_refused(path):
    ring = fe.PythonEnergy(lambda X: (X**2).sum(1), lambda X: 2 * X, 2)
    with pytest.raises(TypeError, match="PythonEnergy cannot be saved: it is made of Python functions"):
        fe.save(path, ring)
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize(
    "obj", [1.0, None, [1, 2], {"a": 1}, np.zeros(3), "text", TRUTH.energy, object()], ids=repr
)
def test_other_objects_are_refused(path, obj):
    with pytest.raises(TypeError, match=r"obj must be|cannot be saved"):
        fe.save(path, obj)
    assert os.listdir(path.parent) == []


def test_random_state_objects_are_refused(path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    with pytest.raises(TypeError, match="random_state"):
        fe.save(path, fe.EnergyDensity(random_state=np.random.default_rng(1)))


class Foreign(fe.Energy):
    """A class that a file cannot name."""


def test_foreign_classes_are_refused(path):
    with pytest.raises(TypeError, match=r"Foreign is not among.*call fastebm.register\(Foreign\)"):
        fe.save(path, Foreign())


@pytest.mark.parametrize("bad", [3.5, None, ["a"]])
def test_path_must_be_a_path(bad):
    with pytest.raises(TypeError, match="path"):
        fe.save(bad, TRUTH)


# ---- damaged and foreign files ----


def test_missing_file(path):
    with pytest.raises(FileNotFoundError):
        fe.load(path)


def test_every_truncation_is_an_error(path):
    fe.save(path, TRUTH)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(fe.ModelFileError, match="cannot load"):
            fe.load(path)


def test_every_flipped_byte_is_an_error_or_harmless(path):
    fe.save(path, TRUTH)
    whole = path.read_bytes()
    caught = 0
    for i in range(len(whole)):
        for mask in (0xFF, 0x01, 0x80):
            damaged = bytearray(whole)
            damaged[i] ^= mask
            path.write_bytes(damaged)
            try:
                # Dates and the like may change without harm; numbers may not.
                assert fe.load(path) == TRUTH
            except fe.ModelFileError:
                caught += 1
    assert caught > len(whole)


def test_random_bytes_are_an_error(path):
    rng = np.random.default_rng(1)
    fe.save(path, PLANE)
    whole = path.read_bytes()
    for _ in range(300):
        damaged = bytearray(whole)
        start = int(rng.integers(len(whole)))
        damaged[start : start + 40] = rng.bytes(min(40, len(whole) - start))
        path.write_bytes(damaged)
        try:
            assert fe.load(path) == PLANE
        except fe.ModelFileError:
            pass


def _zip(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def _npy(array, **options):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def _header(content, **changes):
    return json.dumps({"format": "fastebm", "version": 1, "content": content} | changes)


ENERGY = {"$": "energy", "type": "WellMixture", "arguments": {}, "theta": {"$": "array", "name": "a0"}}
THETA = _npy(TRUTH.theta)
HUGE = _npy(np.zeros(1)).replace(b"(1,), }", b"(99999999999999,), }")


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ({"a.npy": THETA}, "no header"),
        ({"fastebm.json": "{"}, "damaged"),
        ({"fastebm.json": "[" * 100_000}, "damaged"),
        ({"fastebm.json": "[]"}, "not a fastebm file"),
        ({"fastebm.json": "\udcff".encode("utf-8", "surrogatepass")}, "damaged"),
        ({"fastebm.json": _header(ENERGY, format="other"), "a0.npy": THETA}, "not a fastebm file"),
        ({"fastebm.json": _header(ENERGY, version=2), "a0.npy": THETA}, "format version 2.*update fastebm"),
        ({"fastebm.json": _header(ENERGY, version="1"), "a0.npy": THETA}, "version"),
        ({"fastebm.json": _header(ENERGY, version=0), "a0.npy": THETA}, "version"),
        ({"fastebm.json": _header(ENERGY)}, "damaged"),
        ({"fastebm.json": _header(ENERGY), "a0.npy": THETA, "x.py": "1"}, "entry"),
        ({"fastebm.json": _header(ENERGY), "a0.npy": _npy(TRUTH.theta[:3])}, "damaged.*theta"),
        ({"fastebm.json": _header(ENERGY), "a0.npy": _npy(TRUTH.theta + np.nan)}, "damaged.*finite"),
        ({"fastebm.json": _header(ENERGY), "a0.npy": THETA[:-1]}, "damaged"),
        ({"fastebm.json": _header(ENERGY), "a0.npy": HUGE}, "damaged"),
        ({"fastebm.json": _header(ENERGY | {"type": "PythonEnergy"}), "a0.npy": THETA}, "does not know"),
        ({"fastebm.json": _header(ENERGY | {"type": "Energy"}), "a0.npy": THETA}, "damaged|does not know"),
        ({"fastebm.json": _header(ENERGY | {"type": "level_path"}), "a0.npy": THETA}, "does not know"),
        ({"fastebm.json": _header(ENERGY | {"type": "__loader__"}), "a0.npy": THETA}, "does not know"),
        (
            {"fastebm.json": _header(ENERGY | {"arguments": {"n_wells": 10**9}}), "a0.npy": THETA},
            "damaged|cannot",
        ),
        ({"fastebm.json": _header({"$": "os.system", "fields": {"command": "true"}})}, "does not know"),
        ({"fastebm.json": _header({"$": []})}, "cannot load"),
        ({"fastebm.json": _header(3)}, "cannot load"),
        ({"fastebm.json": _header({"$": "TrainingResult", "fields": {}})}, "damaged"),
        (
            {"fastebm.json": _header({"$": "ScaledWells", "fields": {"wells": 1, "offset": 2, "scale": 3}})},
            "damaged",
        ),
        (
            {
                "fastebm.json": _header(
                    {"$": "ReplayBuffer", "fields": {"capacity": 10**18, "n_features": 10**18}}
                )
            },
            "damaged",
        ),
    ],
)
def test_foreign_archives_are_errors(path, members, match):
    _zip(path, members)
    with pytest.raises(fe.ModelFileError, match=match):
        fe.load(path)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"PK\x03\x04", b"\x93NUMPY", pickle.dumps({"a": 1})], ids=repr
)
def test_foreign_files_are_errors(path, data):
    path.write_bytes(data)
    with pytest.raises(fe.ModelFileError, match="cannot load"):
        fe.load(path)


def test_numpy_files_of_others_are_errors(path):
    np.savez(path, theta=TRUTH.theta)
    with pytest.raises(fe.ModelFileError, match="not a fastebm file"):
        fe.load(path)
    np.savez_compressed(path, theta=TRUTH.theta)
    with pytest.raises(fe.ModelFileError, match="not a fastebm file"):
        fe.load(path)
    _zip(path, {"fastebm.json": _header(ENERGY), "a0.npy": THETA}, zipfile.ZIP_DEFLATED)
    with pytest.raises(fe.ModelFileError, match="compressed"):
        fe.load(path)


class Bomb:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (self.trace, "w")


def test_loading_executes_nothing(path):
    trace = path.parent / "executed"
    array = np.empty(1, dtype=object)
    array[0] = Bomb(str(trace))
    _zip(path, {"fastebm.json": _header(ENERGY), "a0.npy": _npy(array, allow_pickle=True)})
    with pytest.raises(fe.ModelFileError, match="Python objects"):
        fe.load(path)
    path.write_bytes(pickle.dumps(Bomb(str(trace))))
    with pytest.raises(fe.ModelFileError):
        fe.load(path)
    assert not trace.exists()
    # The bomb does go off where pickle is used.
    pickle.loads(path.read_bytes()).close()
    assert trace.exists()


# ---- whole or untouched ----


def assert_untouched(path, before):
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr
)
def test_a_failure_at_any_step_leaves_the_old_file(path, monkeypatch, step, failure):
    fe.save(path, TRUTH)
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise failure

    if step == "write":

        class Full(io.BufferedWriter):
            def write(self, data):
                super().write(data[: len(data) // 2])
                raise failure

        monkeypatch.setattr(archive.os, "fdopen", lambda fd, mode: Full(io.FileIO(fd, "wb")))
    else:
        monkeypatch.setattr(archive.os, step, fail)
    with pytest.raises(type(failure)) as caught:
        fe.save(path, PLANE)
    if isinstance(failure, OSError):
        assert caught.value.errno == errno.ENOSPC
        assert "No space left on device; what was there before is unchanged" in str(caught.value)
    monkeypatch.undo()
    assert_untouched(path, before)


@posix
def test_full_disk(path):
    # A limit on the size of files stands for the disk.
    fe.save(path, TRUTH)
    before = path.read_bytes()
    script = (
        "import resource, signal, sys, fastebm as fe\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))\n"
        "try:\n"
        "    fe.save(sys.argv[1], fe.WellMixture(5, 5))\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=120)
    assert "cannot write" in done.stdout and "unchanged" in done.stdout, done.stderr
    assert_untouched(path, before)


def test_unwritable_paths(path, tmp_path):
    with pytest.raises(FileNotFoundError, match="cannot write"):
        fe.save(tmp_path / "nowhere" / "a.npz", TRUTH)
    with pytest.raises(IsADirectoryError, match="folder"):
        fe.save(tmp_path, TRUTH)
    assert os.listdir(tmp_path) == []


@posix
def test_special_files_are_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        fe.save(pipe, TRUTH)
    assert os.listdir(tmp_path) == ["pipe"]


@posix
def test_links_and_modes_stay(tmp_path):
    real, link = tmp_path / "real.npz", tmp_path / "link.npz"
    fe.save(real, TRUTH)
    real.chmod(0o640)
    link.symlink_to(real)
    fe.save(link, PLANE)
    assert link.is_symlink()
    assert fe.load(real) == PLANE
    assert real.stat().st_mode & 0o777 == 0o640


def test_leftovers_of_a_kill_are_swept_up_later(path):
    old, new = (path.parent / f".model.npz.{c * 12}.tmp" for c in "ab")
    other = path.parent / ".other.npz.aaaaaaaaaaaa.tmp"
    for leftover in (old, new, other):
        leftover.write_bytes(b"half")
    for leftover in (old, other):
        os.utime(leftover, (time.time() - 7200,) * 2)
    fe.save(path, TRUTH)
    # Young ones may belong to a save that is under way, others to another file.
    assert sorted(os.listdir(path.parent)) == sorted([path.name, new.name, other.name])


SAVER = """
import sys
import fastebm as fe
path, first, second = sys.argv[1:]
a, b = fe.load(first), fe.load(second)
print("ready", flush=True)
while True:
    fe.save(path, a)
    fe.save(path, b)
"""


def kill_while_saving(folder, moments, seed):
    """Kill a process that saves two objects in turn; return how often each, of the two, was found whole."""
    first, second, path = folder / "first.npz", folder / "second.npz", folder / "model.npz"
    fe.save(first, TRUTH)
    fe.save(second, fe.WellMixture(200, 20))
    fe.save(path, TRUTH)
    rng = np.random.default_rng(seed)
    found = {first.read_bytes(): 0, second.read_bytes(): 0}
    for _ in range(moments):
        saver = subprocess.Popen(
            [sys.executable, "-c", SAVER, path, first, second], stdout=subprocess.PIPE, text=True
        )
        with saver:
            assert saver.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0, 0.05))
            saver.send_signal(signal.SIGKILL)
        # Exactly one of the two, to the byte.
        found[path.read_bytes()] += 1
        fe.load(path)
    return found


@posix
def test_kill_while_saving(tmp_path):
    assert sum(kill_while_saving(tmp_path, 4, 1).values()) == 4


@posix
@pytest.mark.deep
def test_kill_while_saving_at_50_moments(tmp_path):
    found = kill_while_saving(tmp_path, 50, 2)
    assert min(found.values()) > 0


@posix
def test_a_plain_write_is_torn_by_the_same_kill(tmp_path):
    # The control: writing in place does leave a half file when it is killed in the middle.
    script = (
        "import sys, time\n"
        "with open(sys.argv[1], 'wb') as file:\n"
        "    file.write(open(sys.argv[2], 'rb').read()[:-100]); file.flush()\n"
        "    print('half', flush=True); time.sleep(60)\n"
    )
    source, path = tmp_path / "source.npz", tmp_path / "model.npz"
    fe.save(source, TRUTH)
    writer = subprocess.Popen([sys.executable, "-c", script, path, source], stdout=subprocess.PIPE, text=True)
    with writer:
        assert writer.stdout.readline() == "half\n"
        writer.kill()
    with pytest.raises(fe.ModelFileError):
        fe.load(path)


def test_every_energy_and_sampler_of_the_package_is_registered():
    for package, kind, base in ((fe.energies, "energy", fe.Energy), (fe.samplers, "sampler", fe.Sampler)):
        for name in package.__all__:
            cls = getattr(package, name)
            if isinstance(cls, type) and issubclass(cls, base) and cls is not base:
                assert ((kind, name) in codec.REGISTRY) != bool(getattr(cls, "unsaved", None)), name
    names = {"Diagnostic", "ReplayBuffer", "TrainingResult", "ScaledWells", "Checkpoint"}
    assert {name for name, _ in codec.REGISTRY} >= names


def test_paths_of_every_kind(tmp_path):
    for kind in (str, pathlib.Path, os.fsencode):
        where = kind(tmp_path / "é.npz")
        fe.save(where, TRUTH)
        assert fe.load(where) == TRUTH
