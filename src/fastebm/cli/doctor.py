"""The command doctor: is this installation sound, and what could be added to it?"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

from .._runtime.info import info
from ..datasets import load_old_faithful
from ..diagnostics.gradients import check_grad
from ..energies import Gaussian, NetworkEnergy, WellMixture
from ..io import load, save
from ..mixtures.em import maximum_likelihood_wells
from ..mixtures.starts import initial_wells
from ..samplers import MALA
from ..training import ContrastiveDivergence

# (name for pip, module, what it is for).
EXTRAS = (
    ("matplotlib", "matplotlib", "pictures and reports"),
    ("tqdm", "tqdm", "progress bars"),
    ("pandas", "pandas", "data frames, tables of many kinds"),
    ("pyarrow", "pyarrow", "Parquet and Feather files"),
    ("openpyxl", "openpyxl", "Excel workbooks"),
    ("scikit-learn", "sklearn", "EnergyDensity in pipelines and searches"),
    ("arviz", "arviz", "chains as InferenceData"),
    ("xarray", "xarray", "chains as data sets"),
    ("nbformat", "nbformat", "the tutorial's notebooks"),
    ("nbclient", "nbclient", "running them"),
    ("ipykernel", "ipykernel", "running them"),
    ("torch", "torch", "energies of PyTorch"),
    ("jax", "jax", "energies of JAX"),
)
# Nats an eruption that the trained fit may fall short of the best; the default recipe loses a tenth of it.
SHORT = 0.005


def digest(n_threads: int | None = None) -> str:
    """Of samples, a short training and a network's gradient: the same on every sound installation of one processor."""
    wells = WellMixture(theta=[0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0])
    # More chains than one block, so that threads share them.
    start = wells.exact_sample(3000, seed=1)
    chains = MALA(0.05).sample(wells, start, 20, seed=2, n_threads=n_threads)
    trainer = ContrastiveDivergence(WellMixture(), n_updates=20, n_chains=600)
    theta = trainer.fit(start, seed=3, n_threads=n_threads, diagnose=False).energy.theta
    network = NetworkEnergy.mlp(2, hidden=(16, 16), base=Gaussian([0.0, 0.0]), seed=4)
    slopes = network.grad(start.reshape(-1, 2))
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(a).tobytes() for a in (chains, theta, slopes))
    ).hexdigest()


def levels() -> tuple[bool, str]:
    """Every instruction-set level in a process of its own, as the level is chosen when the package is imported."""
    facts = info()
    # Without the working directory on the path, which may hold another fastebm.
    home = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-c", "from fastebm.cli.doctor import digest; print(digest())"]
    seen = {}
    for level in facts["isa_available"]:
        environment = os.environ | {"FASTEBM_ISA": level, "PYTHONPATH": path}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return False, f"{level} fails with status {done.returncode}: {last}"
        seen[level] = done.stdout.strip()
    here = ", ".join(seen)
    if len(set(seen.values())) > 1:
        return False, f"{here} give different bytes; do not compare runs of different machines"
    return True, f"{here} give the same bytes; in use: {facts['isa']}"


def threads() -> tuple[bool, str]:
    """One thread against several."""
    n = max(2, info()["n_threads"])
    same = digest(1) == digest(n)
    said = "the same bytes" if same else "different bytes"
    return same, f"1 and {n} give {said}; by default {info()['n_threads']}"


def gradients() -> tuple[bool, str]:
    """Central differences."""
    wells = WellMixture(3, 2)
    report = check_grad(wells, np.random.default_rng(0).normal(size=(50, 2)))
    return report.ok, f"largest relative error {report.max_grad_error:.1e}"


def fit() -> tuple[bool, str]:
    """The default recipe against expectation-maximisation."""
    x = load_old_faithful()[:, 0]
    best = maximum_likelihood_wells(x).log_prob(x).mean()
    model = ContrastiveDivergence(initial_wells(x, 2, seed=0)).fit(x, seed=1, diagnose=False).energy
    lost = float(best - model.log_prob(x).mean())
    return lost < SHORT, f"Old Faithful, {lost:.5f} nats an eruption short of maximum likelihood"


def files() -> tuple[bool, str]:
    """A model, written and read."""
    model = WellMixture(theta=[0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.npz")
        save(path, model)
        same = load(path) == model
    return (
        same,
        "a model is the same after it was saved and read" if same else "a saved model comes back changed",
    )


CHECKS = {
    "instruction sets": levels,
    "threads": threads,
    "gradients": gradients,
    "training": fit,
    "files": files,
}


def checked() -> list[dict]:
    """Run every check; one that raises has failed."""
    out = []
    for name, check in CHECKS.items():
        try:
            ok, said = check()
        except Exception as error:
            ok, said = False, f"{type(error).__name__}: {error}"
        out.append({"check": name, "ok": bool(ok), "said": " ".join(said.split())})
    return out


def extras() -> list[dict]:
    """The packages that fastebm can use: version (None: not there), and the error of one that cannot be imported."""
    out = []
    for name, module, what in EXTRAS:
        found = {"package": name, "for": what, "version": None, "broken": None}
        if importlib.util.find_spec(module) is not None:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    importlib.import_module(module)
                found["version"] = importlib.metadata.version(name)
            except Exception as error:
                found["broken"] = " ".join(f"{type(error).__name__}: {error}".split())
        out.append(found)
    return out


def run(arguments, print_json) -> int:
    """`fastebm doctor`; the exit status."""
    facts, checks, packages = info(), checked(), extras()
    sound = all(c["ok"] for c in checks) and not any(p["broken"] for p in packages)
    if arguments.json:
        print_json({"sound": sound, "info": facts, "checks": checks, "extras": packages})
        return 0 if sound else 1
    machine = f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.system()} {platform.machine()}"
    lines = [f"fastebm {facts['version']}, {machine}"] if not arguments.quiet else []
    for check in checks:
        if not (check["ok"] and arguments.quiet):
            lines.append(f"{'ok' if check['ok'] else 'WRONG':7}{check['check']}: {check['said']}")
    for package in packages:
        name = package["package"]
        if package["broken"]:
            lines.append(f"{'WRONG':7}{name} cannot be imported: {package['broken']}")
        elif not arguments.quiet:
            said = package["version"] or f"not installed; for {package['for']}: pip install {name}"
            lines.append(f"{'ok' if package['version'] else '-':7}{name} {said}")
    if not arguments.quiet:
        lines.append("all is well" if sound else "something is wrong: see the lines that say so")
    if lines:
        print("\n".join(lines))
    return 0 if sound else 1
