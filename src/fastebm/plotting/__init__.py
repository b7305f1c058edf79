"""Pictures of data, energies, training and chains, with matplotlib (the `plot` extra).

Every function returns the Axes it drew on (`plot_pairs` an array of them) and accepts ``ax=``. Colours are the
Okabe-Ito set and the cividis map, which stay apart for colour-blind readers and in grey.
"""

from .chains import plot_buffer, plot_occupancy, plot_paths
from .density import plot_density, plot_energy
from .landscape import plot_landscape, plot_pairs
from .sweep import plot_sweep
from .training import plot_gap, plot_parameters, plot_phases

__all__ = [
    "plot_buffer",
    "plot_density",
    "plot_energy",
    "plot_gap",
    "plot_landscape",
    "plot_occupancy",
    "plot_pairs",
    "plot_parameters",
    "plot_paths",
    "plot_phases",
    "plot_sweep",
]
