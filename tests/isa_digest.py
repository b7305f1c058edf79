"""Print digests of what must have the same bytes at every instruction-set level (run by test_isa.py)."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings

import numpy as np
from cases import ENERGIES, SAMPLERS

import fastebm as fe
from fastebm.kernels import probe
from fastebm.partition import ais

# Bytes are compared here, of bad runs too.
warnings.simplefilter("ignore", fe.FastEBMWarning)


def digest(array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def collect(seed: int) -> dict[str, str]:
    out = {}
    rng = np.random.default_rng(seed)
    for what in ("normal", "uniform"):
        for n in (1, 7, 8, 9, 1000):
            out[f"{what} {n}"] = digest(probe.pairs(what, seed, 2, 3, 4, n))
    values = {
        "exp_neg": rng.uniform(-690, 800, 2000),
        "log_normal": 10.0 ** rng.uniform(-300, 300, 2000),
        "log1p_positive": 10.0 ** rng.uniform(-300, 300, 2000),
        "octant_sin": rng.uniform(0, 1, 2000),
        "octant_cos": rng.uniform(0, 1, 2000),
        "lane_sum": rng.normal(size=2003),
    }
    for name, x in values.items():
        result = probe.apply(name, x.tobytes())
        out[name] = digest(result[:1] if name == "lane_sum" else result)
    for case in ENERGIES:
        energy = case.make()
        x = rng.uniform(-case.x_range, case.x_range, (301, energy.n_features))
        for quantity in ("energy", "grad", "param_grad", "mean_param_grad", "laplacian"):
            out[f"{case.name} {quantity}"] = digest(getattr(energy, quantity)(x))
        if case.has_log_partition:
            out[f"{case.name} log_partition"] = digest(np.array(energy.log_partition()))
        if case.has_exact_sample:
            out[f"{case.name} exact_sample"] = digest(energy.exact_sample(100, seed=seed))
        for sampler in SAMPLERS:
            made = sampler.make(energy.n_features)
            if energy.has_walls and not made.adjusted:
                continue
            run = made.sample(energy, x / case.x_range, 7, seed=seed)
            out[f"{case.name} {sampler.name}"] = digest(run)
    data = rng.normal(size=(200, 1)) + np.where(rng.random((200, 1)) < 0.5, -2.0, 2.0)
    recipes = {
        "persistent": {},
        "fifo": {"buffer": "fifo", "optimizer": "adam"},
        "jarzynski": {"weighting": "jarzynski"},
        "cosine": {"schedule": "cosine", "warm_up": 3, "clip_norm": 0.5, "ema": 0.9},
    }
    for name, options in recipes.items():
        trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=20, n_chains=40, **options)
        result = trainer.fit(data, seed=seed)
        out[f"training {name} theta"] = digest(result.energy.theta)
        out[f"training {name} chains"] = digest(result.buffer.states)
        for field in result.history.dtype.names:
            out[f"training {name} history {field}"] = digest(result.history[field])
    scores = {"denoising": {"noise_std": 0.3, "n_draws": 3}, "sliced": {"method": "sliced"}}
    for name, options in scores.items():
        result = fe.ScoreMatching(fe.WellMixture(2, 2), n_updates=20, **options).fit(
            np.concatenate([data, -data], axis=1), seed=seed
        )
        out[f"scores {name} theta"] = digest(result.energy.theta)
        for field in result.history.dtype.names:
            out[f"scores {name} history {field}"] = digest(result.history[field])
    for k, d in ((2, 1), (3, 4)):
        rows = rng.normal(size=(700, d)) + 3.0 * rng.integers(0, k, (700, 1))
        fit = fe.fit_wells(rows, k, recipe="em", seed=seed)
        out[f"climbs {k} {d}"] = digest(fit.wells.theta)
        # NumPy factors the covariances of the result; those of the climb are ours.
        full = fe.fit_wells(rows, k, recipe="em", covariance="full", seed=seed)
        out[f"full climbs {k} {d}"] = digest(full.wells.theta)
        for covariance in ("diag", "full"):
            heavy = fe.fit_wells(rows, k, tails="student", covariance=covariance, seed=seed)
            out[f"heavy climbs {covariance} {k} {d}"] = digest(heavy.wells.theta)
        wells = fe.StudentTMixture(k, d, 0.1 * heavy.wells.theta[: k * (2 * d + 2) + 1])
        for quantity in ("energy", "grad", "param_grad", "mean_param_grad", "laplacian", "shares"):
            out[f"heavy wells {k} {d} {quantity}"] = digest(getattr(wells, quantity)(rows))
    target = ENERGIES[0].make()
    base = ais.normal_base(data)
    annealed = ais.forward(target, base, n_chains=40, n_steps=20, seed=seed)
    # NumPy takes the exponentials between the moves; the moves are ours, and so are these sums of energies.
    out["annealing"] = digest(annealed.log_weights)
    back = ais.reverse(target, base, annealed.x, n_steps="auto", seed=seed)
    out["annealing back"] = digest(back.log_weights)
    tilted = fe.Gaussian([0.0, 0.0]) + fe.WellMixture(3, 2)
    out["annealing of a tilt"] = digest(ais.forward(tilted, None, n_chains=40, n_steps=30, seed=seed).x)
    return out


if __name__ == "__main__":
    json.dump({"isa": fe.info()["isa"], "digests": collect(int(sys.argv[1]))}, sys.stdout)
