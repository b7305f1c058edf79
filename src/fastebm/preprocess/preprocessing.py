"""What a table goes through before a density is fitted to it, kept so that it can be undone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from .._runtime import html
from .._runtime.check import rows, samples
from .._runtime.errors import NonFiniteError
from .._runtime.seed import seed_sequence
from .column import Column
from .cyclic import Cyclic
from .decide import decide
from .dropped import Copy, find_copies
from .how import wishes
from .rounding import FEW


@dataclass(frozen=True, eq=False)
class Preprocessing(html.Shown):
    """A transform for every column of X: z = transform(x) is what a density is fitted to.

    Made by `Preprocessing.fit` or `prepare`. ``str()`` says what was decided for each column, and why.

    Attributes
    ----------
    columns : tuple of Column
        For every column of X, its transform and what was measured.
    named : bool
        Are the names those of the data?

    Notes
    -----
    Every transform maps the support of its column onto the whole line, so that a density of z is one of x, of integral
    one on the support: log p(x) = log p(z) + log_jacobian(x). Of a cyclic column p(z) is the sum over `images`.
    Constant columns and copies of others are left out of z; the density is per unit of the kept columns, and 0 for rows
    that break the rule.

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> x = np.random.default_rng(0).lognormal(0.0, 1.0, (500, 1))
    >>> z, how = fe.preprocess.prepare(x, seed=1)
    >>> how.columns[0].action.kind, bool(np.allclose(how.inverse(z), x))
    ('log', True)
    """

    columns: tuple[Column, ...]
    named: bool = False

    @classmethod
    def fit(cls, X, names=None, how="auto", *, cyclic=None) -> Preprocessing:
        """Decide for every column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples,)
            Finite.
        names : sequence of str, optional
        how : "auto" or dict, default "auto"
            A dict has methods by name or number of the column: "auto", "none", "log", "yeo-johnson", "softplus",
            ("log", bound), ("softplus", bound) or ("cyclic", period). Columns that are not in it are "auto". Constant
            columns and exact copies are left out whatever is asked for.
        cyclic : dict, optional
            Periods of columns on a circle, by name or number, as ``{"hour": 24}``.

        Returns
        -------
        Preprocessing

        Raises
        ------
        ValueError, TypeError
            If X or an argument is out of range, or a column does not suit what is asked for it.
        """
        return cls._decide(rows(X), names, how, cyclic)

    @classmethod
    def _decide(cls, x, names, how, cyclic=None):
        named = names is not None
        names = tuple(map(str, names)) if named else tuple(f"feature {d}" for d in range(x.shape[1]))
        if len(names) != x.shape[1]:
            raise ValueError(
                f"names must hold one name for each of the {x.shape[1]} columns, got {len(names)}"
            )
        asked = wishes(how, names, named, cyclic)
        # Values whose squares overflow: the fit says so, in its own words.
        with np.errstate(over="ignore", invalid="ignore"):
            columns = [decide(x[:, j], names[j], asked[j]) for j in range(len(names))]
        kept = [j for j, c in enumerate(columns) if c.kept and not isinstance(c.action, Cyclic)]
        for j, copy in find_copies(x, kept).items():
            columns[j] = Column(names[j], copy, why=f"a copy of {names[copy.source]!r}")
        if not any(c.kept for c in columns):
            raise ValueError(
                "X: every column is constant ("
                + ", ".join(map(repr, names[:8]))
                + "), so there is no density to fit"
            )
        return cls(tuple(columns), named)

    @property
    def n_features(self) -> int:
        """Number of columns of X."""
        return len(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of X."""
        return tuple(c.name for c in self.columns)

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """The columns of X that z has, by number."""
        return tuple(j for j, c in enumerate(self.columns) if c.kept)

    @property
    def kept_names(self) -> tuple[str, ...]:
        """Names of the kept columns."""
        return tuple(self.columns[j].name for j in self.kept)

    @property
    def is_plain(self) -> bool:
        """Are the kept columns left as they are?"""
        return all(self.columns[j].action.kind == "none" for j in self.kept)

    @property
    def n_free(self) -> int:
        """Number of parameters of transforms that were fitted to the data."""
        return sum(self.columns[j].action.n_free for j in self.kept)

    @cached_property
    def window(self) -> np.ndarray:
        """Ends of the kept columns in units of X, shape (2, n_kept): of the support, or of one period."""
        ends = np.array([[-np.inf, np.inf]] * len(self.kept)).T
        for i, j in enumerate(self.kept):
            action = self.columns[j].action
            ends[0, i] = action.low
            if isinstance(action, Cyclic):
                ends[:, i] = action.start, action.start + action.period
        return ends

    @cached_property
    def images(self) -> np.ndarray:
        """What is added to z for each image of the cyclic columns, shape (n_images, n_kept); one row of 0 without."""
        turns = [
            action.images if isinstance(action := self.columns[j].action, Cyclic) else np.zeros(1)
            for j in self.kept
        ]
        # NumPy's meshgrid has 32 columns at most.
        return np.array(list(product(*turns)))

    def transform(self, X) -> np.ndarray:
        """z of every row of X, shape (n_samples, n_kept), without noise.

        Raises
        ------
        ValueError
            If a row is outside the support: below the bound of a logarithm, or with another value in a constant column
            or a copy.
        """
        return self._transformed(samples(X, self.n_features)[0])

    def inverse(self, Z, *, rounded=True) -> np.ndarray:
        """Rows of X from rows of z, shape (n_samples, n_features): transforms undone, left-out columns restored.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_kept)
        rounded : bool, default True
            Put columns back onto the grid of the data.
        """
        return self._restored(samples(Z, len(self.kept), "Z")[0], rounded)

    def log_jacobian(self, X) -> np.ndarray:
        """log of dz/dx of every row of X, shape (n_samples,): log p(x) - log p(z). -inf outside the support."""
        x = samples(X, self.n_features)[0]
        _, inside, log_slopes = self._mapped(x)
        return np.where(inside, log_slopes, -np.inf)

    def _transformed(self, x):
        z, inside, _ = self._mapped(x)
        self._refuse(x, inside)
        self._check_range(x, z)
        return z

    def _mapped(self, x):
        """(z, which rows are inside the support, log Jacobian); rows outside have some numbers."""
        z, inside, log_slopes = self._forward(x[:, self.kept])
        for column, own in zip(self.columns, x.T, strict=True):
            if not column.kept:
                inside &= column.action.agrees(own, x)
        return z, inside, log_slopes

    def _forward(self, kept):
        """As `_mapped`, of the kept columns alone."""
        z = np.empty(kept.shape)
        inside, total = np.ones(len(kept), dtype=bool), np.zeros(len(kept))
        for i, j in enumerate(self.kept):
            action, own = self.columns[j].action, kept[:, i]
            within = own > action.low
            if not within.all():
                inside &= within
                own = np.where(within, own, action.inverse(np.zeros(1)))
            with np.errstate(over="ignore"):
                z[:, i] = action.forward(own)
            total += action.log_slope(own)
        return z, inside, total

    def _check_range(self, x, z):
        """Raise NonFiniteError for a row whose z is beyond float64."""
        if np.isfinite(z).all():
            return
        row, i = map(int, np.argwhere(~np.isfinite(z))[0])
        j = self.kept[i]
        raise NonFiniteError(
            f"X[{row}, {j}] = {x[row, j]:.6g} is so far from the data of column {self.columns[j].name!r} that its "
            f"transform ({self.columns[j].action}) is beyond the range of float64; leave the row out"
        )

    def _slopes(self, kept):
        """(dz/dx, d log(dz/dx) / dx) of rows of the kept columns that are inside the support."""
        slope, grad = np.empty_like(kept), np.empty_like(kept)
        for i, j in enumerate(self.kept):
            action = self.columns[j].action
            slope[:, i] = np.exp(action.log_slope(kept[:, i]))
            grad[:, i] = action.log_slope_grad(kept[:, i])
        return slope, grad

    def _restored(self, z, snap=True):
        x = np.empty((len(z), self.n_features))
        x[:, self.kept] = self._restored_kept(z, snap)
        # A copy is one of a kept column, so its source is there.
        for j, column in enumerate(self.columns):
            if not column.kept:
                x[:, j] = column.action.restored(x)
        return x

    def _restored_kept(self, z, snap=False):
        return np.stack([self.columns[j].restored(z[:, i], snap) for i, j in enumerate(self.kept)], axis=1)

    def _widths(self, means, stds):
        """Half of what lies between mean - std and mean + std of z, in units of the kept columns of X."""
        widths = np.array(stds, dtype=float)
        for i, j in enumerate(self.kept):
            action = self.columns[j].action
            if not isinstance(action, Cyclic):
                ends = means[:, i] + np.array([[-1.0], [1.0]]) * stds[:, i]
                widths[:, i] = 0.5 * np.diff(action.inverse(ends), axis=0)[0]
        return widths

    @cached_property
    def _loadings(self):
        """How every column moves with the kept ones, shape (n_features, n_kept)."""
        along = np.zeros((self.n_features, len(self.kept)))
        for i, j in enumerate(self.kept):
            along[j, i] = 1.0
        for j, column in enumerate(self.columns):
            if isinstance(column.action, Copy):
                along[j] = column.action.slope * along[column.action.source]
        return along

    def _noised(self, x, seed):
        """x as a fit sees it: the values of a grid spread over their cells."""
        rng = np.random.default_rng(seed_sequence(seed))
        x = x.copy()
        for j in self.kept:
            x[:, j] = self.columns[j].noised(x[:, j], rng)
        return x

    def _quiet(self, few):
        """The same without noise in the grids of so many values or fewer."""
        columns = (
            replace(c, rounding=replace(c.rounding, noise=False))
            if c.rounding is not None and c.rounding.n_values <= few
            else c
            for c in self.columns
        )
        return replace(self, columns=tuple(columns))

    def _mean_log_slope(self, z) -> float:
        """Mean log Jacobian of the rows that became z, with their noise: those of a grid differ by 0.1 nats or more."""
        return float(self._forward(self._restored_kept(z))[2].mean())

    def _refuse(self, x, inside):
        if inside.all():
            return
        row = int(np.flatnonzero(~inside)[0])
        for j, column in enumerate(self.columns):
            value = x[row, j]
            if not column.kept and not column.action.agrees(x[row : row + 1, j], x[row : row + 1])[0]:
                raise ValueError(
                    f"X[{row}, {j}] = {value:.6g} breaks the rule of column {column.name!r} ({column}); leave the row "
                    "or the column out"
                )
            if column.kept and not value > column.action.low:
                raise ValueError(
                    f"X[{row}, {j}] = {value:.6g} is not above {column.action.low:.6g}, the bound of column "
                    f"{column.name!r} ({column}); leave the row out, or fit with another transform of this column"
                )

    def _outside(self, x, inside) -> str:
        """Which columns give rows density 0, in words."""
        said = []
        for j, column in enumerate(self.columns):
            ok = x[:, j] > column.action.low if column.kept else column.action.agrees(x[:, j], x)
            if not ok.all():
                said.append(f"{int((~ok).sum())} in column {column.name!r} ({column.action})")
        return (
            f"{int((~inside).sum())} of {len(x)} rows are outside the support and have log-density -inf: "
            + ", ".join(said)
        )

    def state(self) -> dict:
        """Plain numbers and texts, of which `from_state` makes the same object."""
        return {"columns": [c.state() for c in self.columns], "named": self.named}

    @classmethod
    def from_state(cls, state: dict) -> Preprocessing:
        """What `state` gave. Raises KeyError, TypeError or ValueError where it is damaged."""
        made = cls(tuple(Column.from_state(s) for s in state["columns"]), bool(state["named"]))
        sources = {c.action.source for c in made.columns if isinstance(c.action, Copy)}
        if not made.kept or not sources <= set(made.kept):
            raise ValueError("a column is a copy of one that is not kept, or none is kept")
        return made

    def __str__(self) -> str:
        width = max(len(c.name) for c in self.columns)
        return "\n".join(f"{c.name:<{width}}  {c}" for c in self.columns)

    def _html(self) -> str:
        return html.card("Preprocessing", [(c.name, str(c)) for c in self.columns])

    def __repr__(self) -> str:
        kinds = ", ".join(f"{c.name}: {c.action.kind}" for c in self.columns[:8])
        return f"Preprocessing({kinds}{', ...' if len(self.columns) > 8 else ''})"


def prepare(
    X, names=None, how="auto", seed=None, *, cyclic=None, noise=True
) -> tuple[np.ndarray, Preprocessing]:
    """Decide for every column of X, and return what a density is to be fitted to.

    Parameters
    ----------
    X, names, how, cyclic
        See `Preprocessing.fit`.
    seed : None, int, SeedSequence or Generator
        Of the noise in rounded columns.
    noise : {True, False, "many"}, default True
        "many" gives none to columns of ten values or fewer. Without noise a flexible density narrows onto the values of
        a grid, for a likelihood that is higher, without limit, on rows of the same grid, and means nothing.

    Returns
    -------
    z : ndarray of shape (n_samples, n_kept)
        The rows, with noise in rounded columns, transformed.
    preparation : Preprocessing
    """
    return prepare_rows(rows(X), names, how, seed, cyclic, noise)


def prepare_rows(
    x: np.ndarray, names, how, seed, cyclic=None, noise=True
) -> tuple[np.ndarray, Preprocessing]:
    """As `prepare`, on checked rows."""
    preparation = Preprocessing._decide(x, names, how, cyclic)
    if noise is not True:
        preparation = preparation._quiet(FEW if noise == "many" else math.inf)
    seen = preparation._noised(x, seed) if noise else x
    return preparation._forward(seen[:, preparation.kept])[0], preparation
