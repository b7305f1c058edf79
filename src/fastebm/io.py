"""Saving and loading of models: one .npz file, no pickle, written whole or not at all."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from ._runtime.errors import ModelFileError
from .diagnostics.diagnostic import Diagnostic
from .fitting.prepared import PreparedDensity
from .fitting.scaled_network import ScaledNetwork
from .fitting.scaled_wells import ScaledWells
from .partition.log_partition import LogPartition
from .preprocess import Preprocessing
from .samplers.result import SampleResult
from .samplers.state import RunState
from .storage import archive
from .storage.codec import DAMAGE, KIND, REGISTRY, Decoder, Encoder, is_object, register
from .training.checkpoint import storable
from .training.ladder import NoiseLadder
from .training.replay import ReplayBuffer
from .training.result import TrainingResult, history_array
from .training.score_result import ScoreResult, score_history

ESTIMATOR = "EnergyDensity"


def save(path, obj) -> None:
    """Save an energy, a sampler, a result, the state of a run, a fitted density or an estimator to a file.

    The file is a NumPy .npz of plain arrays and a JSON header. It is written beside its final place, flushed to the
    disk and renamed: if the program is killed at any moment, path holds its old content or the new one.

    Parameters
    ----------
    path : str or path-like
        Written exactly as named; ".npz" is the custom. A link is followed.
    obj : Energy, Sampler, EnergyDensity, or what a call returned (TrainingResult, ScoreResult, RunState, ...)
        Energies and samplers of your own: see `fastebm.register`. A `PythonEnergy` is refused, because a file holds no
        code; so is an estimator whose random_state is an object.

    Raises
    ------
    TypeError
        If obj, or something that it holds, cannot be saved. Nothing is written.
    OSError
        If path cannot be written. What was there before is unchanged.

    Examples
    --------
    >>> import fastebm as fe, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "wells.npz")
    >>> fe.save(path, fe.WellMixture())
    >>> fe.load(path) == fe.WellMixture()
    True
    """
    _prepare(type(obj).__name__)
    encoder = Encoder()
    tree = encoder(obj, type(obj).__name__)
    if not is_object(tree):
        raise TypeError(
            "obj must be an energy, a sampler, a result, the state of a run, a fitted density or an estimator, got "
            f"{type(obj).__name__}"
        )
    archive.write(path, tree, encoder.arrays)


def load(path):
    """Load what `save` wrote. Nothing in the file is executed, and nothing is imported because the file names it.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    object
        Of the type that was saved.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ModelFileError
        If it is damaged, foreign or of a newer version, or holds an energy or a sampler of a type that is not
        registered in this process (see `fastebm.register`).
    ImportError
        If it holds an estimator and scikit-learn is not installed.

    Examples
    --------
    >>> import fastebm as fe
    >>> fe.save("model.npz", fe.WellMixture())
    >>> fe.load("model.npz") == fe.WellMixture()
    True
    """
    tree, arrays = archive.read(path)
    if not is_object(tree):
        raise ModelFileError(f"cannot load {str(path)!r}: it holds no object")
    _prepare(tree[KIND])
    try:
        return Decoder(arrays)(tree)
    except ModelFileError as error:
        raise ModelFileError(f"cannot load {str(path)!r}: {error}") from None
    except DAMAGE as error:
        raise ModelFileError(f"cannot load {str(path)!r}: its content is damaged ({error})") from None


def _prepare(name):
    # The estimator's module brings scikit-learn, so it is imported only where one is saved or loaded.
    if name != ESTIMATOR or (name, None) in REGISTRY:
        return
    from .estimator import EnergyDensity

    register(ESTIMATOR, EnergyDensity, _encode_estimator, lambda f: _decode_estimator(EnergyDensity, f))


def _encode_estimator(estimator):
    fitted = hasattr(estimator, "model_")
    return {
        "params": _encode_params(estimator.get_params(deep=False)),
        "model": estimator.model_ if fitted else None,
        "held_out": estimator.held_out_ if fitted else None,
        "n_features_in": estimator.n_features_in_ if fitted else None,
        "feature_names_in": getattr(estimator, "feature_names_in_", None),
    }


def _encode_params(params):
    # Keys of a dict may be numbers of columns, and those of a file are texts.
    how = params["preprocess"]
    return params | {"preprocess": list(map(list, how.items()))} if isinstance(how, dict) else params


def _decode_estimator(cls, f):
    params = f["params"]
    if isinstance(params.get("preprocess"), list):
        params["preprocess"] = {key: value for key, value in params["preprocess"]}
    estimator = cls(**params)
    if f["model"] is not None:
        _expect(f["model"], (ScaledWells, ScaledNetwork, PreparedDensity))
        estimator._adopt(f["model"], f["held_out"])
        estimator.n_features_in_ = f["n_features_in"]
        if f["feature_names_in"] is not None:
            estimator.feature_names_in_ = f["feature_names_in"]
    return estimator


def _expect(value, cls):
    if not isinstance(value, cls):
        wanted = " or ".join(c.__name__ for c in (cls if isinstance(cls, tuple) else (cls,)))
        raise ModelFileError(f"its content is damaged ({type(value).__name__} in place of {wanted})")
    return value


def _encode_fields(obj):
    return {f.name: getattr(obj, f.name) for f in fields(obj)}


def _encode_run(result):
    return {name: value for name, value in _encode_fields(result).items() if name != "energy"}


def _encode_result(result):
    return _encode_fields(result) | {"settings": storable(result.settings)}


def _decode_result(f):
    thetas = None if f.get("thinned") is not None else np.empty((0, len(f["theta"])))
    expected = history_array(np.empty((0, 3)), thetas).dtype
    if f["history"].dtype != expected or f["history"].ndim != 1:
        raise ModelFileError("its content is damaged (history)")
    _expect(f["buffer"], ReplayBuffer)
    return TrainingResult(**f)


def _decode_scores(f):
    thetas = None if f["thinned"] is not None else np.empty((0, len(f["theta"])))
    if f["history"].dtype != score_history(np.empty((0, 3)), thetas).dtype or f["history"].ndim != 1:
        raise ModelFileError("its content is damaged (history)")
    return ScoreResult(**f)


def _decode_wells(f):
    if f["offset"].shape != (f["wells"].n_features,) or f["scale"].shape != f["offset"].shape:
        raise ModelFileError("its content is damaged (offset or scale)")
    f.setdefault(
        "not_checked", ["everything: the file was written by a version that did not check such fits"]
    )
    return ScaledWells(**f)


def _decode_network(f):
    if f["offset"].shape != (f["network"].n_features,) or f["scale"].shape != f["offset"].shape:
        raise ModelFileError("its content is damaged (offset or scale)")
    _expect(f["estimate"], LogPartition)
    _expect(f["training"], TrainingResult)
    if f["wells"] is not None or not f["better"]:
        _expect(f["wells"], ScaledWells)
    return ScaledNetwork(**f)


def _decode_prepared(f):
    _expect(f["preparation"], Preprocessing)
    if not hasattr(f["inner"], "_log_prob"):
        raise ModelFileError(f"its content is damaged ({type(f['inner']).__name__} in place of a density)")
    if f["inner"].n_features != len(f["preparation"].kept):
        raise ModelFileError("its content is damaged (number of columns)")
    return PreparedDensity(**f)


def _encode_buffer(buffer):
    return {
        "capacity": buffer.capacity,
        "n_features": buffer.n_features,
        "states": np.array(buffer.states),
        "flat": buffer._flat,
    }


def _decode_buffer(f):
    buffer = ReplayBuffer(f["capacity"], f["n_features"])
    buffer.push(f["states"])
    buffer._flat = bool(f["flat"])
    return buffer


register("ReplayBuffer", ReplayBuffer, _encode_buffer, _decode_buffer)
register("TrainingResult", TrainingResult, _encode_result, _decode_result)
register("ScoreResult", ScoreResult, _encode_fields, _decode_scores)
register("NoiseLadder", NoiseLadder, _encode_fields, lambda f: NoiseLadder(**f))
register("RunState", RunState, _encode_fields, lambda f: RunState(**f))
register("SampleResult", SampleResult, _encode_run, lambda f: SampleResult(**f))
register("ScaledWells", ScaledWells, _encode_fields, _decode_wells)
register("ScaledNetwork", ScaledNetwork, _encode_fields, _decode_network)
register("Preprocessing", Preprocessing, Preprocessing.state, Preprocessing.from_state)
register("PreparedDensity", PreparedDensity, _encode_fields, _decode_prepared)
register("LogPartition", LogPartition, _encode_fields, lambda f: LogPartition(**f))
register("Diagnostic", Diagnostic, _encode_fields, lambda f: Diagnostic(**f))
