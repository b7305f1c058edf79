"""An energy in a notebook: its facts, its modes, and in one or two dimensions its density."""

from __future__ import annotations

import numpy as np

# Modes and parameters that are listed; features of which their centres are.
MOST_MODES, MOST_PARAMS, MOST_FEATURES = 8, 24, 6
POINTS, SIDE = 161, 64


def energy_html(self) -> str | None:
    """``_repr_html_`` of every energy; None, and the text is shown, of one that cannot be evaluated."""
    # Late: nobody who is not in a notebook needs it.
    from .._runtime import html

    energy = self

    def make():
        energy._check_ready()
        can = {
            "trained": energy.has_param_grad,
            "log Z in closed form": energy.has_log_partition,
            "exact samples": energy.has_exact_sample,
            "modes known": energy.modes is not None,
        }
        rows = [
            ("features", energy.n_features),
            ("parameters", energy.n_params),
            ("has", ", ".join(name for name, there in can.items() if there and name != "trained") or None),
            ("can be trained", can["trained"]),
        ]
        return html.card(
            type(energy).__name__,
            rows,
            html.guarded(lambda: picture(energy)) or html.Markup(""),
            *_lists(energy, html),
        )

    return html.guarded(make)


def _lists(energy, html):
    if energy.modes is not None and energy.n_features <= MOST_FEATURES and len(energy.modes) <= MOST_MODES:
        columns = (energy.mode_shares, energy.modes, energy.mode_scales)
        rows = [
            (str(j + 1), f"{share:.4g}", html.short(centre), html.short(scale))
            for j, (share, centre, scale) in enumerate(zip(*columns, strict=True))
        ]
        yield html.table(rows, ("mode", "share", "centre", "standard deviation"))
    if 0 < energy.n_params <= MOST_PARAMS:
        rows = zip(energy.param_names, energy.theta.tolist(), strict=True)
        yield html.folded("theta", html.table(rows))
    yield html.folded("repr", html.code(energy))


def window(energy) -> np.ndarray | None:
    """(low, high) of every feature, shape (n_features, 2), that holds nearly all of the mass; None if nothing tells."""
    known = next((e for e in (energy, energy.annealing_base) if e is not None and e.modes is not None), None)
    if known is not None and known.mode_scales is not None:
        reach = 4.0 * known.mode_scales
        return np.stack([(known.modes - reach).min(axis=0), (known.modes + reach).max(axis=0)], axis=1)
    if not energy.has_exact_sample:
        return None
    x = energy.exact_sample(400, 0).reshape(400, -1)
    low, high = np.percentile(x, [0.5, 99.5], axis=0)
    margin = 0.15 * (high - low)
    return np.stack([low - margin, high + margin], axis=1)


def picture(energy):
    """The density over `window` as an inline SVG; empty where the energy has more than two features or no window."""
    from .._runtime import html

    sides = window(energy) if energy.n_features <= 2 else None
    if sides is None:
        return html.Markup("")
    if energy.n_features == 1:
        x = np.linspace(*sides[0], POINTS)
        e = energy._energy_with_walls(x)
        return html.curve(x, np.exp(e.min() - e), "density of the energy over x")
    u, v = (np.linspace(*side, SIDE) for side in sides)
    e = energy._energy_with_walls(np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)).reshape(SIDE, SIDE)
    across, up = sides.tolist()
    return html.shade(np.exp(e.min() - e), across, up, "density of the energy over x1 and x2")
