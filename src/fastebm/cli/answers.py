"""What `fastebm score --flag` adds: rows that are odd, and the column that makes each of them so."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np

from ..answers import Explanation, explain
from ..answers.conformal import smallest_rate, threshold
from ..io import load
from .tables import Table

# Rows that are listed, the oddest first.
LISTED = 10


@dataclass(frozen=True, eq=False)
class Flags:
    """Rows with a log-density below a threshold of rows that were held out.

    Attributes
    ----------
    rate, limit : float
        The false-alarm rate, and the threshold in nats.
    odd : ndarray of bool, shape (n_samples,)
    log_p : ndarray of shape (n_samples,)
    why : Explanation
        Of the odd rows inside the support, in their order.
    table : Table
    """

    rate: float
    limit: float
    odd: np.ndarray
    log_p: np.ndarray
    why: Explanation | None
    table: Table

    def facts(self) -> dict:
        """Plain numbers and texts, for JSON. Rows are counted from 1, those left out not among them."""
        return {
            "false_alarm_rate": self.rate,
            "threshold": self.limit,
            "n_flagged": int(self.odd.sum()),
            "flagged": [
                {"row": row, "log_density": p, "column": name, "value": value, "likeliest": best}
                for row, p, name, value, best in self._rows()
            ],
        }

    def _rows(self):
        i = -1
        for row in np.flatnonzero(self.odd):
            if not np.isfinite(self.log_p[row]):
                yield int(row) + 1, None, None, None, None
                continue
            i += 1
            j = int(self.why.column[i])
            value, best = float(self.table.x[row, j]), float(self.why.likeliest[i, j])
            yield int(row) + 1, float(self.log_p[row]), self.table.names[j], value, best

    def as_text(self) -> str:
        """The lines that `fastebm score --flag` prints."""
        n = int(self.odd.sum())
        lines = [f"flagged         {n:,} of {len(self.odd):,} rows, below {self.limit:.4f} nats"]
        expected = self.rate * len(self.odd)
        lines.append(
            f"expected        {expected:.3g}, if all were rows like those of the fit ({100 * self.rate:g} %)"
        )
        rows = sorted(self._rows(), key=lambda row: -np.inf if row[1] is None else row[1])
        for row, p, name, value, best in rows[:LISTED]:
            if name is None:
                lines.append(f"row {row:<12,}outside the support of the model")
                continue
            lines.append(
                f"row {row:<12,}{p:.2f} nats, most of all by {name} = {value:g} (likeliest: {best:.4g})"
            )
        return "\n".join(lines + [f"and {n - LISTED:,} more; --out FILE lists them"] * (n > LISTED))

    def encoded(self, path: str) -> bytes:
        """Of every row the log-density, the flag (0 or 1) and the column: its name, or in NPY its number, from 1."""
        columns = np.zeros(len(self.odd), dtype=int)
        if self.why is not None:
            columns[self.odd & np.isfinite(self.log_p)] = self.why.column + 1
        if path.lower().endswith(".npy"):
            binary = io.BytesIO()
            np.save(binary, np.column_stack([self.log_p, self.odd, columns]), allow_pickle=False)
            return binary.getvalue()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["log_density", "flag", "column"])
        for p, odd, j in zip(self.log_p.tolist(), self.odd.tolist(), columns.tolist(), strict=True):
            writer.writerow([repr(p), int(odd), self.table.names[j - 1] if j else ""])
        return text.getvalue().encode()


def flags(path: str, table: Table, log_p: np.ndarray, share: float) -> Flags:
    """Which rows of the table are odd to the model in a file?

    Raises
    ------
    ValueError
        If the model holds no scores of held-out rows, or too few.
    """
    model = load(path)
    model = getattr(model, "model_", model)
    preparation = getattr(model, "preparation", None)
    scores = getattr(model if preparation is None else model.inner, "held_out_scores", None)
    if scores is None or not len(scores):
        raise ValueError(
            f"{path} holds no log-densities of held-out rows, which --flag compares with; fit it again with fastebm fit"
        )
    limit = threshold(scores, share)
    if np.isneginf(limit):
        raise ValueError(
            f"--flag {100 * share:g}% takes more held-out rows than the {len(scores):,} of {path}; "
            f"--flag {100 * smallest_rate(len(scores)):.2g}% is the least that they can tell"
        )
    compared = log_p
    if preparation is not None:
        # Held-out rows were scored after the transforms, so these are too. Outside the support all are odd.
        inside = np.isfinite(log_p)
        compared = np.full(len(log_p), -np.inf)
        compared[inside] = model.inner.score_samples(preparation.transform(table.x[inside]))
    odd = compared < limit
    # Rows outside the support have no conditional densities: no column is named.
    named = odd & np.isfinite(log_p)
    return Flags(share, limit, odd, log_p, explain(model, table.x[named]) if named.any() else None, table)
