"""The yardstick: densities people use and ours, on the same held-out rows of one table."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any

import numpy as np

from .._runtime.check import describe, integer, rows
from .._runtime.progress import bar
from .._runtime.seed import seed_sequence
from ..preprocess.rounding import FEW
from .rivals import METHODS, need_sklearn, quietly, rival

# Rows of a fold, at least.
ROWS_EACH = 6
USUAL = ("auto", "em", "gm-diag", "gm-full", "kde")


# Of what a method chose, in the table.
MARGINS: dict[str, Any] = {"initial_indent": " " * 12, "subsequent_indent": " " * 12}


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What `compare` returns; ``print`` it for a table.

    Attributes
    ----------
    methods : tuple of str
    scores : dict of str to ndarray of shape (n_samples,)
        log p of every row under a fit to the other folds, nats, in units of X.
    folds : list of ndarray
        Rows of each fold.
    seconds : dict of str to ndarray of shape (n_folds,)
        What each fit took, choices included.
    choices : dict of str to list of str
        What each method chose in each fold.
    notes : list of str
        What to know before the figures are believed: columns of a few values, which have no density.
    """

    methods: tuple[str, ...]
    scores: dict
    folds: list
    seconds: dict
    choices: dict
    notes: list[str] = field(default_factory=list)

    @property
    def best_rival(self) -> str:
        """The likeliest method other than the first."""
        return max(self.methods[1:], key=lambda m: self.scores[m].mean())

    def lead(self, method: str, over: str) -> tuple[float, float]:
        """(mean difference of log p in nats a row, its standard error over rows)."""
        difference = self.scores[method] - self.scores[over]
        return float(difference.mean()), float(difference.std(ddof=1) / math.sqrt(len(difference)))

    def fold_leads(self, method: str, over: str) -> list[float]:
        """Mean difference in each fold."""
        difference = self.scores[method] - self.scores[over]
        return [float(difference[fold].mean()) for fold in self.folds]

    def as_dict(self) -> dict:
        """Plain numbers and texts, for JSON."""
        first = self.methods[0]
        lines = []
        for name in self.methods:
            log_p = self.scores[name]
            line = {
                "method": name,
                "recipe": METHODS[name][0],
                "log_likelihood": float(log_p.mean()),
                "standard_error": float(log_p.std(ddof=1) / math.sqrt(len(log_p))),
                "seconds": float(self.seconds[name].sum()),
                "choices": self.choices[name],
            }
            if name != first:
                lead, error = self.lead(first, name)
                leads = self.fold_leads(first, name)
                line |= {"behind_first": lead, "paired_error": error, "behind_in_folds": leads}
            lines.append(line)
        return {
            "n_rows": len(self.scores[first]),
            "n_folds": len(self.folds),
            "methods": lines,
            "notes": self.notes,
        }

    def __str__(self) -> str:
        first = self.methods[0]
        wide = max(16, len(first) + 11)
        out = [
            f"held out in {len(self.folds)} folds, {len(self.scores[first]):,} rows, nats per row",
            "",
            f"{'method':<12}{'log-likelihood':>15}{first + ' leads by':>{wide}}{'paired error':>14}{'seconds':>9}",
        ]
        for name in sorted(self.methods, key=lambda m: -self.scores[m].mean()):
            line = f"{name:<12}{self.scores[name].mean():>15.4f}"
            if name == first:
                line += " " * (wide + 14)
            else:
                lead, error = self.lead(first, name)
                # No -0.0000.
                line += f"{round(lead, 4) + 0.0:>{wide}.4f}{error:>14.4f}"
            out.append(f"{line}{self.seconds[name].sum():>9.2f}")
        for name in self.methods:
            chosen = "; ".join(dict.fromkeys(self.choices[name]))
            out += ["", f"{name:<12}{METHODS[name][0]}", *wrap(f"chose {chosen}", 80, **MARGINS)]
        for note in self.notes:
            out += ["", *wrap(f"note        {note}", 80, subsequent_indent=" " * 12)]
        return "\n".join(out)


def compare(
    X, methods=USUAL, *, n_folds=5, max_seconds=None, seed=0, progress=False, names=None
) -> Yardstick:
    """Fit every method to all folds but one, and score it on that one, for every fold.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Finite; no feature constant in any of the training folds.
    methods : sequence of str
        Of "auto", "em", "gm-diag", "gm-full", "kde", "gm-diag-raw", "gm-full-raw". The others are compared with the
        first.
    n_folds : int, default 5
        At least 2.
    max_seconds : float, optional
        Of the network of "auto"; 0 tries none.
    seed : None, int, SeedSequence or Generator
        Of the folds and of every fit.
    progress : bool, default False
        Show a progress bar (needs tqdm).
    names : sequence of str, optional
        Names of the features, for messages.

    Returns
    -------
    Yardstick

    Raises
    ------
    ValueError, TypeError
        If X or an argument is out of range.
    ImportError
        If a method needs scikit-learn and it is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from fastebm.fitting.compare import compare
    >>> x = np.random.default_rng(0).normal(size=(60, 2))
    >>> result = compare(x, ["auto", "em"], n_folds=2, seed=0)
    >>> result.best_rival
    'em'
    """
    x = rows(X)
    wanted = tuple(methods)
    unknown = [m for m in wanted if m not in METHODS]
    if unknown or len(wanted) < 1 or len(set(wanted)) < len(wanted):
        raise ValueError(f"methods must be different ones of {', '.join(METHODS)}, got {describe(methods)}")
    n = integer(n_folds, "n_folds", 2)
    if len(x) < ROWS_EACH * n:
        raise ValueError(f"a comparison in {n} folds needs {ROWS_EACH * n} rows, got {len(x)}")
    need_sklearn(wanted)
    order, own = seed_sequence(seed).spawn(2)
    folds = [np.sort(p) for p in np.array_split(np.random.default_rng(order).permutation(len(x)), n)]
    number = int(own.generate_state(1)[0] >> 1)
    scores = {m: np.empty(len(x)) for m in wanted}
    seconds = {m: np.empty(n) for m in wanted}
    choices: dict[str, list[str]] = {m: [] for m in wanted}
    shown = bar(progress, n * len(wanted), "compare", "fit")
    try:
        for i, fold in enumerate(folds):
            train = np.delete(x, fold, axis=0)
            for m in wanted:
                if shown is not None:
                    shown.set_postfix_str(m)
                begin = time.perf_counter()
                scores[m][fold], chosen = quietly(rival(m, max_seconds), train, x[fold], number)
                seconds[m][i] = time.perf_counter() - begin
                choices[m].append(chosen)
                if shown is not None:
                    shown.update(1)
    except ValueError as error:
        if names is not None and str(error).startswith("X: feature "):
            d, _, rest = str(error)[len("X: feature ") :].partition(" ")
            raise ValueError(f"X: feature {d} ({names[int(d)]}) {rest}") from None
        raise
    finally:
        if shown is not None:
            shown.close()
    return Yardstick(wanted, scores, folds, seconds, choices, _notes(x, names))


def _notes(x, names) -> list[str]:
    few = [d for d, column in enumerate(x.T) if len(np.unique(column)) <= FEW]
    if not few:
        return []
    said = ", ".join(f"feature {d}" if names is None else str(names[d]) for d in few[:5])
    return [
        f"{len(few)} column{'s' * (len(few) > 1)} of {FEW} values or fewer ({said}): there is no density there, "
        "and how far each method narrows onto the values decides its figure; compare without such columns"
    ]
