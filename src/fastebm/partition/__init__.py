"""log Z: closed form, quadrature, annealed importance sampling."""
