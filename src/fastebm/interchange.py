"""To the tables of pandas, the labelled arrays of xarray, and ArviZ. Each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from ._runtime.check import describe, numeric
from .fitting.prepared import PreparedDensity
from .fitting.scaled_wells import ScaledWells
from .samplers.result import SampleResult
from .training.replay import ReplayBuffer
from .training.result import TrainingResult


def to_pandas(obj, *, names=None):
    """Return a pandas DataFrame of a result, a fitted density or samples.

    Parameters
    ----------
    obj : TrainingResult, SampleResult, ReplayBuffer, ScaledWells, PreparedDensity, EnergyDensity or array-like
        * TrainingResult: the history, one row per update (index ``step``), with a column for every parameter if theta
          was kept in every update (else see `to_xarray`).
        * ScaledWells, PreparedDensity, EnergyDensity: one row per well, with ``weight``, and ``mean`` and ``std`` of
          every feature in the units of the data.
        * SampleResult, ReplayBuffer, array of shape (n_samples, n_features) or (n_samples,): one row per state. A
          trace of shape (n_draws, n_chains, n_features) gets the index (``draw``, ``chain``).
    names : sequence of str, optional
        Names of the features; by default those that the estimator saw, or x0, x1, ...

    Raises
    ------
    ImportError
        If pandas is not installed.
    TypeError, ValueError
        If obj is none of these, or names do not fit.

    Examples
    --------
    >>> import fastebm as fe
    >>> from fastebm.interchange import to_pandas
    >>> fit = fe.fit_wells(fe.datasets.load_old_faithful(), 2, seed=1, names=["eruption", "waiting"])
    >>> list(to_pandas(fit).columns)
    ['weight', 'mean[x0]', 'mean[x1]', 'std[x0]', 'std[x1]']
    """
    pandas = _need("pandas")
    if isinstance(obj, TrainingResult):
        columns = {n: obj.history[n] for n in ("energy_data", "energy_model", "energy_gap")}
        steps, rows = _thetas(obj)
        if len(steps) == len(obj.history):
            columns |= dict(zip(obj.energy.param_names, rows.T, strict=True))
        return pandas.DataFrame(columns, index=pandas.Index(obj.history["step"], name="step"))
    wells = getattr(obj, "model_", obj)
    if isinstance(wells, (ScaledWells, PreparedDensity)):
        if names is None:
            names = getattr(obj, "feature_names_in_", None)
        features = _names(names, wells.n_features)
        columns = {"weight": wells.weights_}
        for kind, table in (("mean", wells.means_), ("std", wells.stds_)):
            columns |= {f"{kind}[{f}]": table[:, d] for d, f in enumerate(features)}
        return pandas.DataFrame(columns, index=pandas.RangeIndex(wells.n_wells, name="well"))
    states = _states(obj)
    if states.ndim == 3:
        draws, chains, n_features = states.shape
        index = pandas.MultiIndex.from_product([range(draws), range(chains)], names=["draw", "chain"])
        return pandas.DataFrame(
            states.reshape(-1, n_features), index=index, columns=_names(names, n_features)
        )
    return pandas.DataFrame(states, columns=_names(names, states.shape[1]))


def to_xarray(obj, *, names=None):
    """Return an xarray Dataset of a training history or of a trace.

    Parameters
    ----------
    obj : TrainingResult, SampleResult or array-like of shape (n_draws, n_chains[, n_features])
        * TrainingResult: variables ``energy_data``, ``energy_model``, ``energy_gap`` over ``step``, and ``theta`` over
          (``step``, ``parameter``), or over (``kept``, ``parameter``) if theta was not kept in every update.
        * A SampleResult that was run with ``thin``, or its trace: variable ``x`` over (``chain``, ``draw``,
          ``feature``), the order that ArviZ expects; the acceptance rate is an attribute.
    names : sequence of str, optional
        Names of the features; by default x0, x1, ...

    Raises
    ------
    ImportError
        If xarray is not installed.
    TypeError, ValueError
        If obj is none of these, holds no trace, or names do not fit.

    Examples
    --------
    >>> import fastebm as fe
    >>> from fastebm.interchange import to_xarray
    >>> run = fe.MALA(0.05).run(fe.WellMixture(), [0.0] * 4, 100, seed=1, thin=10)
    >>> dict(to_xarray(run).sizes)
    {'chain': 4, 'draw': 10, 'feature': 1}
    """
    xarray = _need("xarray")
    if isinstance(obj, TrainingResult):
        columns = {n: ("step", obj.history[n]) for n in ("energy_data", "energy_model", "energy_gap")}
        steps, rows = _thetas(obj)
        coordinates = {"step": obj.history["step"], "parameter": list(obj.energy.param_names)}
        every = len(steps) == len(obj.history)
        if not every:
            coordinates["kept"] = steps
        columns["theta"] = (("step" if every else "kept", "parameter"), rows)
        return xarray.Dataset(columns, coordinates)
    trace = _states(obj)
    if trace.ndim == 2 and not isinstance(obj, (SampleResult, ReplayBuffer)) and np.ndim(obj) == 2:
        trace = trace[..., None]
    if trace.ndim != 3:
        raise ValueError(
            f"a trace has shape (n_draws, n_chains, n_features), got {trace.shape}; run the sampler with thin=k"
        )
    attributes = {"inference_library": "fastebm"}
    if getattr(obj, "acceptance_rate", None) is not None:
        attributes["acceptance_rate"] = obj.acceptance_rate
    return xarray.Dataset(
        {"x": (("chain", "draw", "feature"), trace.swapaxes(0, 1))},
        {
            "chain": np.arange(trace.shape[1]),
            "draw": np.arange(trace.shape[0]),
            "feature": _names(names, trace.shape[2]),
        },
        attributes,
    )


def to_arviz(obj, *, names=None):
    """Return what ArviZ works on, with the chains as its posterior group.

    Parameters
    ----------
    obj, names
        A trace, as in `to_xarray`.

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        The first up to ArviZ 0.x, the second from 1.0 on.

    Raises
    ------
    ImportError
        If ArviZ is not installed.
    TypeError, ValueError
        As `to_xarray`.

    Examples
    --------
    >>> import fastebm as fe
    >>> from fastebm.interchange import to_arviz
    >>> run = fe.MALA(0.05).run(fe.WellMixture(), [0.0] * 4, 100, seed=1, thin=10)
    >>> to_arviz(run).posterior.sizes["draw"]
    10
    """
    if isinstance(obj, TrainingResult):
        raise TypeError("a TrainingResult holds no sample of one density; use to_xarray for its history")
    arviz = _need("arviz")
    posterior = to_xarray(obj, names=names)
    # ArviZ 1.x answers to the old name too, with a warning and another class, but does not hold it.
    if "InferenceData" in vars(arviz):
        return arviz.InferenceData(posterior=posterior)
    return _need("xarray").DataTree.from_dict({"posterior": posterior})


def _thetas(result):
    """(updates, theta at the beginning of each)."""
    if hasattr(result, "theta_trace"):
        return result.theta_steps, result.theta_trace
    return result.history["step"], result.history["theta"]


def _need(module):
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"this needs {module}: pip install {module} ({error})") from None


def _states(obj):
    if isinstance(obj, SampleResult):
        flat = obj.x.ndim == 1
        array = obj.x if obj.trace is None else obj.trace
        return array[..., None] if flat else array
    if isinstance(obj, ReplayBuffer):
        return obj.states.reshape(len(obj), obj.n_features)
    array = numeric(obj, "obj")
    if array.ndim == 1:
        return array[:, None]
    if array.ndim in (2, 3):
        return array
    raise ValueError(f"obj must hold samples or a trace, got shape {array.shape} ({describe(obj)})")


def _names(names, n_features):
    if names is None:
        return [f"x{d}" for d in range(n_features)]
    names = [str(n) for n in names]
    if len(names) != n_features or len(set(names)) != n_features:
        raise ValueError(f"names must be {n_features} different names, got {describe(names)}")
    return names
