"""What is done with one column, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .cyclic import Cyclic
from .dropped import Constant, Copy
from .log import Log
from .rounding import Rounding
from .softplus import Softplus
from .transform import Plain, Transform
from .yeo_johnson import YeoJohnson
from .zeros import Zeros

KINDS = {one.kind: one for one in (Plain, Log, Softplus, YeoJohnson, Cyclic, Constant, Copy)}


@dataclass(frozen=True)
class Column:
    """A column of X.

    Attributes
    ----------
    name : str
    action : Transform, Constant or Copy
    rounding : Rounding or None
        The grid of its values.
    zeros : Zeros or None
        The cell that stands for exact zeros.
    atom : tuple (float, float) or None
        A value that occurs suspiciously often in a column that is no grid, and its share.
    why : str
        What was measured, for people.
    """

    name: str
    action: Any
    rounding: Rounding | None = None
    zeros: Zeros | None = None
    atom: tuple[float, float] | None = None
    why: str = ""

    @property
    def kept(self) -> bool:
        """Does the column take part in the density?"""
        return isinstance(self.action, Transform)

    def noised(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The values that a fit sees."""
        for cell in (self.rounding, self.zeros):
            if cell is not None:
                x = cell.noised(x, rng)
        return x

    def restored(self, z: np.ndarray, snap: bool) -> np.ndarray:
        """x from z, back on the grid of the data if snap."""
        cyclic = isinstance(self.action, Cyclic)
        x = self.action.cut + z if cyclic else self.action.inverse(z)
        if snap:
            for cell in (self.rounding, self.zeros):
                if cell is not None:
                    x = cell.snapped(x)
        # After rounding: 23.8 hours are 24, which are 0.
        return self.action.wrap(x) if cyclic else x

    def __str__(self) -> str:
        said = str(self.action)
        if self.rounding is not None and self.kept:
            said += f"; rounded to {self.rounding.step:.6g}"
        if self.zeros is not None:
            said += f"; {100 * self.zeros.share:.3g} % zeros"
        return said + (f" ({self.why})" if self.why else "")

    def state(self) -> dict:
        """Plain numbers and texts."""
        cells = {k: asdict(v) for k in ("rounding", "zeros") if (v := getattr(self, k)) is not None}
        atom = {} if self.atom is None else {"atom": list(self.atom)}
        return {
            "name": self.name,
            "kind": self.action.kind,
            "action": asdict(self.action),
            "why": self.why,
            **cells,
            **atom,
        }

    @classmethod
    def from_state(cls, state: dict) -> Column:
        """What `state` gave. Raises KeyError, TypeError or ValueError where it is damaged."""
        rounding, zeros, atom = state.get("rounding"), state.get("zeros"), state.get("atom")
        return cls(
            str(state["name"]),
            KINDS[state["kind"]](**state["action"]),
            None if rounding is None else Rounding(**rounding),
            None if zeros is None else Zeros(**zeros),
            None if atom is None else (float(atom[0]), float(atom[1])),
            str(state["why"]),
        )
