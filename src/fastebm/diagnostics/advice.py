"""What to change, given what the run already used: no advice to switch on what is on."""

from __future__ import annotations

import math

from ..samplers.base import Sampler
from .population import Population

# Changes of mode per round above which more of them in a round hardly show.
SATURATED = 0.25


def _either(options: list[str]) -> str:
    return options[0] if len(options) == 1 else ", ".join(options[:-1]) + " or " + options[-1]


def has_global_move(population: Population) -> bool:
    """Did a global move take part in the rounds?"""
    settings = population.settings
    return population.global_move is not None and (settings is None or settings["n_global"] > 0)


def to_arrive(population: Population) -> str:
    """For chains that have not arrived."""
    settings = population.settings
    if settings is None:
        return "use more n_steps, or starts that are closer to the density"
    if settings["buffer"] == "persistent" and settings["reinit_prob"] == 0:
        return "use more n_steps or n_updates"
    return "use more n_steps, or chains that persist (buffer='persistent', reinit_prob=0)"


def to_change_modes(population: Population, crossings: float | None = None, wanted: float = 0.0) -> str:
    """For chains that do not change their mode often enough; with counts, how much more of what there is."""
    settings = population.settings
    if settings is None:
        return "start the chains in proportion to the modes, or alternate with IndependenceMH or MixtureMH"
    if settings["reinit_prob"] > 0:
        return "set reinit_prob=0" + (
            "" if has_global_move(population) else " and add a global move (global_move='auto')"
        )
    if settings["weighting"] == "jarzynski":
        return "use more n_chains, more n_steps or a smaller learning_rate"
    jarzynski = "weighting='jarzynski' with many chains"
    if not has_global_move(population):
        switch = "add a global move (global_move='auto', n_global=1)"
        return _either([switch, "use " + jarzynski])
    if crossings is None:
        return _either(["use more n_global", "more n_updates", jarzynski])
    if crossings == 0:
        own = "give a global_move whose proposals reach every mode (MixtureMH with wider stds)"
        return _either([own, "use " + jarzynski])
    # The count grows in proportion to the updates; to n_global only while most rounds see no change at all.
    more = 1.2 * wanted / crossings
    options = [f"use n_updates={_round_up(settings['n_updates'] * more)}"]
    if population.life is not None and 1.2 * wanted < SATURATED * population.life:
        options.append(f"n_global={math.ceil(settings['n_global'] * more)}")
    return _either(options) + ": the global move is on, but has not had the time"


def _round_up(n: float) -> int:
    """To two digits, upwards."""
    unit = 10 ** max(0, math.floor(math.log10(n)) - 1)
    return unit * math.ceil(n / unit)


def to_follow(settings: dict, sampler: Sampler, global_move) -> str:
    """For chains that do not follow the model though they had the time."""
    missing = []
    if not sampler.adjusted:
        missing.append("use MALA")
    elif 1.0 not in (sampler.temperature, sampler.exact_at):
        missing.append("set the sampler's temperature to 1")
    if global_move is None or settings["n_global"] == 0:
        missing.append("add the default global move (global_move='auto', n_global=1)")
    if settings["reinit_prob"] > 0:
        missing.append("set reinit_prob=0")
    if settings["buffer"] != "persistent":
        missing.append("set buffer='persistent'")
    if missing:
        return " and ".join(missing) if len(missing) < 3 else ", ".join(missing[:-1]) + " and " + missing[-1]
    return "use more n_steps, n_global or n_chains"
