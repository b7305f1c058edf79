"""Pictures of data, energies, training and chains, with matplotlib (the `plot` extra).

Every function returns the Axes it drew on (`plot_pairs` an array of them) and accepts ``ax=``; `animate_training`
writes a file and returns what training returns. Colours are the Okabe-Ito set and the cividis map, which stay apart for
colour-blind readers and in grey.
"""

from .animate import animate_training
from .chains import plot_buffer, plot_occupancy, plot_paths
from .density import plot_density, plot_energy
from .images import odd_images, plot_chain_images, plot_images, plot_odd_inputs
from .landscape import plot_landscape
from .pairs import plot_pairs
from .sweep import plot_sweep
from .training import plot_gap, plot_parameters, plot_phases

__all__ = [
    "animate_training",
    "odd_images",
    "plot_buffer",
    "plot_chain_images",
    "plot_density",
    "plot_energy",
    "plot_gap",
    "plot_images",
    "plot_landscape",
    "plot_occupancy",
    "plot_odd_inputs",
    "plot_pairs",
    "plot_parameters",
    "plot_paths",
    "plot_phases",
    "plot_sweep",
]
