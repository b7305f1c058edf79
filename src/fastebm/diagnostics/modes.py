"""Too few modes, too many, or one that has no room: by exact likelihood."""

from __future__ import annotations

import math

import numpy as np

from ..energies.base import Energy
from ..energies.normals import principal_scales
from ..fitting.examine import Examination
from .diagnostic import Diagnostic

# One more mode is missed where it gains this, in nats a row (Old Faithful with two: .05 to .07; two of three groups as
# one: .25), and more than twice what the Bayesian criterion charges for its parameters.
MISSED = 0.1
# Nats a row by which rows fit better than rows left out, and how many standard errors that must be.
MEMORY, MEMORY_Z = 0.3, 3.0
# And from where the fit says more of the rows than of their law.
FORGED = 1.0
# Nats a row that a limit may cost.
COSTLY = 0.02
# Relative distance from a limit at which a mode counts as being there.
AT_LIMIT = 1e-6
# Mass of wells at their narrowest that is said of a fit chosen by unseen rows.
NARROWEST = 0.02


def number(energy: Energy, x: np.ndarray, known: Examination) -> list[Diagnostic]:
    """Does the fit have too few modes, or more than the rows bear?"""
    found = []
    modes = known.best.modes
    if modes is not None and known.one_more == known.one_more:
        # The parameters of one mode; c is none.
        charge = 0.5 * ((known.best.n_params - 1) // len(modes)) * math.log(len(x)) / len(x)
        limit = max(MISSED, 2.0 * charge)
        if known.one_more > limit:
            found.append(
                Diagnostic(
                    "too_few_modes",
                    known.one_more,
                    limit,
                    f"one mode more would gain {known.one_more:.2g} nats a row: {len(modes)} are too few for these "
                    "rows",
                    f"use {len(modes) + 1} wells, or let n_wells='auto' choose",
                )
            )
    if known.gap > MEMORY and known.gap > MEMORY_Z * known.gap_error:
        fewer = "fewer wells" if modes is not None and len(modes) > 1 else "fewer parameters"
        found.append(
            Diagnostic(
                "memorisation",
                known.gap,
                MEMORY,
                f"rows are {known.gap:.2g} ± {known.gap_error:.1g} nats more likely to this fit than to one made "
                f"without them: {len(x)} rows do not bear so many parameters, and the fit remembers them",
                f"use {fewer} (n_wells='auto' chooses) or more rows",
                "error" if known.gap > FORGED else "warning",
            )
        )
    return found


def unknown(known: Examination | None) -> list[str]:
    """What exact likelihood could not tell."""
    if known is None or known.gap != known.gap:
        return ["memorisation: give held-out rows, diagnose(result, X, X_val=...)"]
    return []


def limited(known: Examination, x: np.ndarray) -> list[Diagnostic]:
    """Does the range of widths, and not the data, decide how wide a mode is, and does that cost something?"""
    best, limits = known.best, known.best.scale_limits
    scales, shares = principal_scales(best), best.mode_shares
    if known.limits < COSTLY or scales is None or shares is None or limits is None:
        return []
    narrow = scales <= limits[0] * (1.0 + AT_LIMIT)
    mode = int((narrow if narrow.any() else scales >= limits[1] * (1.0 - AT_LIMIT)).any(axis=1).argmax())
    rows = x[best.shares(x)[:, mode] > 0.5]
    repeated = len(rows) - len(np.unique(rows, axis=0)) if len(rows) else 0
    what = f", {repeated + 1} of them repeated" if repeated else ""
    if narrow.any():
        code, how = "narrow_mode", "narrow"
        cure = "remove repeated or rounded rows, use fewer modes, or add noise of the size of the rounding"
    else:
        code, how = "wide_mode", "wide"
        cure = "use one mode more, wells with tails='student', or remove rows that are far from all others"
    return [
        Diagnostic(
            code,
            known.limits,
            COSTLY,
            f"mode {mode + 1} is as {how} as this energy can make it, which costs {known.limits:.2g} nats a row: it "
            f"holds {_percent(float(shares[mode]))} % of the rows ({len(rows)}{what}), and the limit, not the data, "
            "decides its width",
            cure,
        )
    ]


def at_narrowest(wells) -> list[Diagnostic]:
    """Of wells that unseen rows chose: do some hold a share of the mass and be as narrow as they can?

    What the limit costs cannot be told by climbing further, as in `limited`: these are at no optimum.
    """
    scales, shares, limits = principal_scales(wells), wells.mode_shares, wells.scale_limits
    if scales is None or shares is None or limits is None:
        return []
    mass = float(shares[(scales <= limits[0] * (1.0 + AT_LIMIT)).any(axis=1)].sum())
    if mass <= NARROWEST:
        return []
    return [
        Diagnostic(
            "narrow_mode",
            mass,
            NARROWEST,
            f"wells that hold {_percent(mass)} % of the mass are as narrow as this energy can make them: the limit, "
            "and not the data, decides their width",
            "fit clusters that are far apart one by one; remove repeated rows; leave out columns of few values",
        )
    ]


def _percent(share: float) -> str:
    """Two digits, and never 1e+02."""
    return f"{100 * share:.2g}" if share < 0.995 else f"{100 * share:.0f}"
