"""Energies of other packages, `TorchEnergy` and `JaxEnergy`; the packages are imported here alone, when asked for."""

from typing import TYPE_CHECKING

__all__ = ["JaxEnergy", "TorchEnergy"]

if TYPE_CHECKING:
    from .jax_energy import JaxEnergy
    from .torch_energy import TorchEnergy


def __getattr__(name):
    if name == "JaxEnergy":
        from .jax_energy import JaxEnergy

        return JaxEnergy
    if name == "TorchEnergy":
        from .torch_energy import TorchEnergy

        return TorchEnergy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
