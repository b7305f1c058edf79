"""The library's advice in the words of the command line."""

from __future__ import annotations

import re

# What the library calls a setting, and the option that sets it.
OPTIONS = {
    "n_wells": "--wells",
    "n_folds": "--folds",
    "n_init": "--n-init",
    "n_updates": "--updates",
    "covariance": "--covariance",
    "recipe": "--recipe",
    "tails": "--tails",
    "model": "--model",
    "max_seconds": "--max-seconds",
    "max_wells": "--max-wells",
    "preprocess": "--preprocess",
    "hidden": "--hidden",
    "validation": "--validation",
    "seed": "--seed",
}
# Whole phrases, and what they are here.
PHRASES = {
    "drop the copies: numpy.unique(X, axis=0)": "leave the copies out of the file",
    "memorisation: give held-out rows, diagnose(result, X, X_val=...)": "memorisation: no rows were held out; score "
    "rows that were not fitted (fastebm score) and compare",
    "methods must be": "--methods must be",
    "; drop it": "; leave it out with --columns, or say --preprocess auto",
    "drop the feature, or give a sampler with a step_size of your own": "leave it out with --columns",
    "drop the feature": "leave it out with --columns",
    "drop the column": "leave the column out with --columns",
    "drop a constant feature": "leave out a constant column with --columns",
    "leave the recipe out, or train a StudentTMixture with ContrastiveDivergence": "leave --recipe out",
    "preprocess names the column": "--cyclic names the column",
    "validation must be": "--validation must be",
    "fit_wells (--model wells)": "--model wells",
    "fit_wells": "--model wells",
}
# Settings that only Python has.
PYTHON = re.compile(
    r"\b(?:learning_rate|step_size|schedule|n_steps|n_chains|n_global|clip_norm|theta_bounds|global_move|noise_std)\b"
)


# Advice on the number of wells, and what is left of it where the number was chosen by the fit.
NUMBER = re.compile(r"use (\d+) wells, or let --wells auto choose")

# Advice that is no use to a fit with transforms.
SPREAD = ", or give --preprocess auto, which spreads them"


def chosen(text: str, option: str) -> str:
    """Advice without "--wells auto", for a fit that had it already; option asks for a number of wells.

    Examples
    --------
    >>> chosen("What to do: use 7 wells, or let --wells auto choose.", "--wells")
    'What to do: try --wells 7.'
    """
    text = NUMBER.sub(lambda found: f"try {option} {found.group(1)}", text)
    return text.replace(" (--wells auto chooses)", "")


def spoken(text: str, source: str | None = None) -> str:
    """A message of the library as the command line says it: one line, options for arguments, the file for X.

    Parameters
    ----------
    text : str
    source : str, optional
        The file, by which an X at the beginning is called.

    Examples
    --------
    >>> spoken("X: feature 1 (b) has zero variance, so its density is infinite; drop it", "data.csv")
    "data.csv: 'b' has zero variance, so its density is infinite; leave it out with --columns, or say --preprocess auto"
    >>> spoken("use 3 wells, or let n_wells='auto' choose")
    'use 3 wells, or let --wells auto choose'
    """
    text = " ".join(text.split())
    if source is not None:
        text = re.sub(r"^X(?=:| has )", lambda _: source, text)
    text = re.sub(r"\bfeature \d+ \((.+?)\) has\b", r"'\1' has", text)
    # Positions count from 1 here.
    text = re.sub(r"\bfeature (\d+)\b", lambda m: f"column {int(m.group(1)) + 1}", text)
    for name, option in OPTIONS.items():
        text = re.sub(rf"(?<![\w.-]){name}=(['\"]?)([\w.]+)\1", rf"{option} \2", text)
        if "_" in name:
            text = re.sub(rf"(?<![\w.-]){name}\b(?!=)", option, text)
    for phrase, here in PHRASES.items():
        text = text.replace(phrase, here)
    if found := PYTHON.search(text.partition("What to do: ")[2]):
        text = f"{text.rstrip('.')} ({found.group()} is a setting in Python; here, --recipe em needs none)."
    return text
