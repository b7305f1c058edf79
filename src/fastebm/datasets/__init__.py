"""Data of the demo and the documentation, and densities in the plane that networks are tried on."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from ..energies.well_mixture import WellMixture
from .toys import Toy, checkerboard, eight_gaussians, moons, rings

__all__ = [
    "OLD_FAITHFUL_COLUMNS",
    "Toy",
    "checkerboard",
    "eight_gaussians",
    "load_old_faithful",
    "moons",
    "rings",
    "two_normals",
    "two_normals_truth",
]

OLD_FAITHFUL_COLUMNS = ("eruptions", "waiting")


def load_old_faithful() -> np.ndarray:
    """Eruptions of the Old Faithful geyser, Yellowstone National Park.

    Returns
    -------
    ndarray of shape (272, 2)
        Duration of an eruption and waiting time to the next one, both in minutes (``OLD_FAITHFUL_COLUMNS``).

    References
    ----------
    Azzalini and Bowman, A look at some data on the Old Faithful geyser, Applied Statistics 39 (1990) 357-365; the
    version of Härdle, Smoothing Techniques with Implementation in S, Springer 1991.

    Examples
    --------
    >>> load_old_faithful().shape
    (272, 2)
    """
    with (files(__package__) / "faithful.csv").open(encoding="ascii") as lines:
        return np.loadtxt(lines, delimiter=",", skiprows=1)


def two_normals_truth() -> WellMixture:
    """The law of `two_normals` as an energy: 0.55 N(-2, 0.45^2) + 0.45 N(1.8, 0.55^2), normalised (log Z = 0).

    Examples
    --------
    >>> truth = two_normals_truth()
    >>> truth.weights_, bool(abs(truth.log_partition()) < 1e-12)
    (array([0.55, 0.45]), True)
    """
    return WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])


def two_normals(n: int = 2400, seed=None) -> np.ndarray:
    """Draw from the teaching notebook's mixture of two normals.

    Parameters
    ----------
    n : int, default 2400
        Number of samples, at least 0.
    seed : None, int, SeedSequence or Generator
        As in NumPy. (The notebook's own draws, on Python's `random`, are `fastebm.notebook.sample_real`.)

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError, TypeError
        If n is not an integer of at least 0 or seed is not a seed.

    Examples
    --------
    >>> two_normals(3, seed=1).shape
    (3,)
    """
    return two_normals_truth().exact_sample(n, seed=seed)[:, 0]
