"""The peers, by name. Modules are imported only by the worker that times them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Peer

# name -> (module, class, constructor arguments). The order is the order of the table.
PEERS: Mapping[str, tuple[str, str, dict[str, str]]] = {
    "fastebm": ("fastebm_peer", "Fastebm", {}),
    "fastebm-dropin": ("fastebm_peer", "FastebmNotebook", {}),
    "python": ("pure_python", "Notebook", {}),
    "python-grad": ("pure_python", "GradientOnly", {}),
    "numpy": ("numpy_peer", "NumpyGeneral", {}),
    "numpy-best": ("numpy_peer", "NumpyTwoWells", {}),
    "numba": ("numba_peer", "NumbaPlain", {}),
    "numba-best": ("numba_peer", "NumbaSplit", {}),
    "jax-f64": ("jax_peer", "Jax", {"dtype": "float64"}),
    "jax-f64-autograd": ("jax_peer", "JaxAutograd", {"dtype": "float64"}),
    "jax-f32": ("jax_peer", "Jax", {"dtype": "float32"}),
    "torch-f64": ("torch_peer", "Torch", {"dtype": "float64"}),
    "torch-f32": ("torch_peer", "Torch", {"dtype": "float32"}),
    "blackjax": ("blackjax_peer", "Blackjax", {"dtype": "float64"}),
    "torchebm-f64": ("torchebm_peer", "TorchEBM", {"dtype": "float64"}),
    "torchebm-f32": ("torchebm_peer", "TorchEBM", {"dtype": "float32"}),
}

# Those of networks.py.
NETWORKS: Mapping[str, tuple[str, str, dict[str, str]]] = {
    "net-fastebm": ("network_peers", "FastebmNetwork", {}),
    "net-jax": ("network_peers", "JaxNetwork", {"dtype": "float32"}),
    "net-torch": ("network_peers", "TorchNetwork", {"dtype": "float32"}),
    "net-torch-hand": ("network_peers", "TorchHandNetwork", {"dtype": "float32"}),
    "net-torchebm": ("network_peers", "TorchEBMNetwork", {}),
}

# Nothing to restrict: one process serves every level.
PLAIN = ("python", "python-grad")


def load(name: str) -> Peer:
    module, cls, arguments = {**PEERS, **NETWORKS}[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), cls)(**arguments)
