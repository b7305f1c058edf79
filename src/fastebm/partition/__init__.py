"""log Z: closed form, quadrature, annealed importance sampling."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))
