"""What the drop-in says of the notebook's recipe: once, and never on standard output."""

import warnings

from .._runtime.errors import FastEBMWarning

_said = False


def cold(step_size: float, noise_std: float) -> None:
    """Warn, in the first call of this process, that these chains are colder than the density they stand for.

    A Langevin step of size h with noise s has temperature ``s^2 / (2 h)``. Called before anything is drawn, so that
    where warnings are errors nothing has changed.
    """
    global _said
    if _said:
        return
    _said = True
    temperature = noise_std**2 / (2.0 * step_size)
    warnings.warn(
        f"the notebook's recipe samples at temperature {temperature:.3f}, not 1 (step_size {step_size:g} needs noise "
        f"{(2.0 * step_size) ** 0.5:.3f}, it has {noise_std:g}): the density learned is too wide, though its samples "
        "look right. It runs here as it is; fastebm.revisited shows the difference, and "
        "fastebm.ContrastiveDivergence(fastebm.WellMixture()).fit(data) does without it. This is said once",
        FastEBMWarning,
        stacklevel=3,
    )
