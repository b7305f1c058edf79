"""A base energy tilted by a network."""

cimport cython

from libc.math cimport fabs
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import numpy as np

from .._runtime.check import choice, describe, integer, real, samples
from .._runtime.seed import seed_sequence
from ..networks.build import build, normalise
from ..networks.describe import shape_of, standard, start_of, widths_of
from ..networks.layers import ACTIVATIONS
from .base import as_energy

from ..kernels.product cimport padded
from ..kernels.scratch cimport Arena, carve
from ..networks.layers cimport Stack
from ..networks.rows cimport load, narrow, seed_with, take
from ..networks.spectral cimport SpectralBound
from .base cimport Energy


@cython.final
cdef class NetworkEnergy(Energy):
    """E(x) = base(x) + f((x - loc) / scale), f a network: any density, as far as the network bends the base.

    The last layer of f, a weighted sum without a bias, is at zero at the start: training begins at the base. theta
    holds the weights of f; the base keeps its own.

    Parameters
    ----------
    shape : int, (int, int) or (int, int, int)
        n_features, or an image's (height, width) or (channels, height, width); n_features is then their product, in
        that order.
    layers : list
        From the input on, each one of ``"silu"``, ``"softplus"``, ``"leaky_relu"`` (slope 0.01), ``("dense", n_out)``,
        ``("conv", channels, size=3, stride=1, padding=1)``, ``("pool", size=2)`` (a mean), ``("residual", [layers])``,
        ``("fourier", n_frequencies, scale=1.0)`` (cos and sin of 2 pi B x, B drawn from N(0, scale^2) and kept).
    base : Energy, optional
        Normalised or normalisable: `Gaussian`, a `WellMixture`, a `Box`. Without one exp(-f) need not have a finite
        integral: it can be evaluated and score-matched, but has no density.
    loc, scale : float or array-like of shape (n_features,), optional
        By default mean and standard deviation of the base, where it knows its modes; centre and half width of a `Box`;
        0 and 1 without a base.
    spectral_norm : float, optional
        Bound of the largest singular value of every matrix but the last (a convolution's is (channels out, the rest)):
        a larger matrix is scaled down, W min(1, bound / sigma(W)), and gradients go through that. It keeps f smooth.
    dtype : {"float32", "float64"}, default "float32"
        In which f is computed. x, theta, sums and energies are float64.
    seed : None, int, SeedSequence or Generator, default 0
        Of the starting weights: N(0, 4 / fan_in) in the first layer, N(0, 1.96 / fan_in) in the others; biases N(0, 1)
        in the first layer of a network without images, 0 elsewhere.

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit, a layer is not one of those above, or base is not an energy of this many features.

    References
    ----------
    Du and Mordatch, Implicit generation and modeling with energy based models, NeurIPS 2019. Gouk, Frank, Pfahringer
    and Cree, Regularisation of neural networks by enforcing Lipschitz continuity, Machine Learning 2021 (the bound).

    See Also
    --------
    NetworkEnergy.mlp, NetworkEnergy.conv : the usual two.

    Examples
    --------
    >>> import fastebm as fe
    >>> energy = fe.NetworkEnergy.mlp(2, hidden=(32, 32), base=fe.Gaussian([0.0, 0.0]))
    >>> energy.n_params
    1184
    >>> energy.energy([[0.0, 0.0]]).round(4)
    array([1.8379])
    """

    def __init__(self, shape, layers, *, base=None, loc=None, scale=None, spectral_norm=None,
                 dtype="float32", seed=0):
        shape = shape_of(shape)
        layers = normalise(layers)
        features = int(np.prod(shape))
        choice(dtype, "dtype", ("float32", "float64"))
        if base is not None:
            as_energy(base, "base")
            if base.n_features != features:
                raise ValueError(f"base has n_features={base.n_features}, but shape {shape} has {features}")
        if spectral_norm is not None:
            spectral_norm = real(spectral_norm, "spectral_norm", above=0)
        loc, scale = standard(base, features, loc, scale)
        # A Generator is no description of a network: its draws are.
        words = seed_sequence(seed).generate_state(4, np.uint32).tolist() if not isinstance(seed, int) else seed
        frequencies, start = seed_sequence(words).spawn(2)
        stack = build(shape, layers, frequencies)
        described = {"shape": list(shape), "layers": layers, "loc": loc.tolist(), "scale": scale.tolist(),
                     "spectral_norm": spectral_norm, "dtype": dtype, "seed": words}
        # A copy: theta of the user's own may change.
        self.adopt(None if base is None else base.__copy__(), stack, described)
        self.theta = start_of(stack, len(shape) == 1, np.random.default_rng(start))

    cdef int adopt(self, Energy prior, Stack stack, dict described) except -1:
        cdef Py_ssize_t d, features = stack.n_in
        # Refuses a second call, before anything of the first is changed.
        self.allocate(features, stack.n_params)
        self.prior, self.stack, self.described = prior, stack, described
        self.single = described["dtype"] == "float32"
        # Two blocks for each of two threads at the usual 256 chains; more chains a block gain 3 %.
        self.block_size = 64
        self.rounds_to(2.0 ** -23 if self.single else 2.0 ** -52)
        self.weights = <float*>malloc(max(stack.n_params, 1) * sizeof(float))
        self.centre = <double*>malloc(2 * features * sizeof(double))
        if self.weights is NULL or self.centre is NULL:
            raise MemoryError
        self.inverse = self.centre + features
        self.effective = self.theta_ptr
        if described["spectral_norm"] is not None:
            self.bounds = SpectralBound(stack, described["spectral_norm"])
            self.effective = self.bounds.bounded
        for d in range(features):
            self.centre[d], self.inverse[d] = described["loc"][d], 1.0 / described["scale"][d]
        return 0

    def __dealloc__(self):
        free(self.weights)
        free(self.centre)

    cdef void prepare(self) noexcept nogil:
        if self.bounds is not None:
            self.bounds.apply(self.theta_ptr)
        narrow(self.effective, self.weights, self.n_params)

    cdef Py_ssize_t carve_room(self, bint single, double* memory, Room* room, Py_ssize_t n) noexcept nogil:
        cdef Py_ssize_t ld = padded(n, single), each = 2 if single else 1
        cdef Arena arena
        arena.at, arena.used = memory, 0
        room.x = carve(&arena, self.n_features * ld // each)
        room.kept = carve(&arena, self.stack.kept_size(n, ld) // each)
        room.out = carve(&arena, ld // each)
        room.seed = carve(&arena, ld // each)
        room.work = carve(&arena, self.stack.work_size(n, ld) // each)
        return arena.used

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        # laplacian_block computes in float64 whatever dtype is.
        cdef Room room
        cdef Py_ssize_t most = self.carve_room(False, NULL, &room, n) + n
        if self.bounds is not None:
            most += (self.n_params + 7) & ~7
        return most if self.prior is None else max(most, self.prior.work_size(n))

    cdef void evaluate(self, bint single, const double* x, const double* weights, double* out, double* grad,
                       double* acc, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t ld = padded(n, single)
        cdef const void* theta = <const void*>self.weights if single else <const void*>self.effective
        cdef Room room
        self.carve_room(single, work, &room, n)
        if single:
            load[float](x, <float*>room.x, self.centre, self.inverse, self.n_features, n, stride, ld)
        else:
            load[double](x, room.x, self.centre, self.inverse, self.n_features, n, stride, ld)
        self.stack.forward(single, theta, room.x, room.out, room.kept, n, ld)
        if out is not NULL:
            if single:
                take[float](<float*>room.out, out, NULL, 1, n, stride, ld)
            else:
                take[double](room.out, out, NULL, 1, n, stride, ld)
        if grad is NULL and acc is NULL:
            return
        if single:
            seed_with[float](<float*>room.seed, weights, n, ld)
        else:
            seed_with[double](room.seed, weights, n, ld)
        self.stack.backward(single, theta, room.x, room.kept, room.seed, room.x if grad is not NULL else NULL, acc,
                            room.work, n, ld)
        if grad is not NULL:
            if single:
                take[float](<float*>room.x, grad, self.inverse, self.n_features, n, stride, ld)
            else:
                take[double](room.x, grad, self.inverse, self.n_features, n, stride, ld)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        memset(out, 0, n * sizeof(double))
        if self.prior is not None and self.prior.energy_block(x, out, work, n, stride):
            return -1
        self.evaluate(self.single, x, NULL, out, NULL, NULL, work, n, stride)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.prior is None:
            memset(out, 0, self.n_features * stride * sizeof(double))
        elif self.prior.grad_block(x, out, work, n, stride):
            return -1
        self.evaluate(self.single, x, NULL, NULL, out, NULL, work, n, stride)
        return 0

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.prior is None:
            memset(energy, 0, n * sizeof(double))
            memset(grad, 0, self.n_features * stride * sizeof(double))
        elif self.prior.energy_grad_block(x, energy, grad, work, n, stride):
            return -1
        self.evaluate(self.single, x, NULL, energy, grad, NULL, work, n, stride)
        return 0

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* inner = work
        if self.bounds is None:
            self.evaluate(self.single, x, weights, NULL, NULL, acc, work, n, stride)
            return 0
        memset(inner, 0, self.n_params * sizeof(double))
        self.evaluate(self.single, x, weights, NULL, NULL, inner, work + ((self.n_params + 7) & ~7), n, stride)
        self.bounds.pull(self.theta_ptr, inner, acc)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # Central differences of f's gradient, in float64 also where f is float32: in that they would have two digits.
        cdef Py_ssize_t d, i, width = self.n_features * stride
        cdef double* moved = work
        cdef double* low = moved + width
        cdef double* high = low + width
        cdef double* rest = high + 2 * width
        cdef double delta
        memset(out, 0, n * sizeof(double))
        if self.prior is not None and self.prior.laplacian_block(x, out, work, n, stride):
            return -1
        memcpy(moved, x, width * sizeof(double))
        for d in range(self.n_features):
            memset(low, 0, 2 * width * sizeof(double))
            for i in range(n):
                moved[d * stride + i] = x[d * stride + i] - 6e-6 * (1.0 + fabs(x[d * stride + i]))
            self.evaluate(False, moved, NULL, NULL, low, NULL, rest, n, stride)
            for i in range(n):
                moved[d * stride + i] = x[d * stride + i] + 6e-6 * (1.0 + fabs(x[d * stride + i]))
            self.evaluate(False, moved, NULL, NULL, high, NULL, rest, n, stride)
            for i in range(n):
                delta = 6e-6 * (1.0 + fabs(x[d * stride + i]))
                delta = (x[d * stride + i] + delta) - (x[d * stride + i] - delta)
                out[i] += (high[d * stride + i] - low[d * stride + i]) / delta
                moved[d * stride + i] = x[d * stride + i]
        return 0

    @property
    def base(self):
        """The energy that the network tilts, or None. A copy."""
        return None if self.prior is None else self.prior.__copy__()

    @property
    def annealing_base(self):
        """The base, where it has a closed log Z and exact samples; otherwise None."""
        known = self.prior is not None and self.prior.has_log_partition and self.prior.has_exact_sample
        return self.base if known else None

    @property
    def tilt(self):
        """f alone, an energy without a base, where there is an `annealing_base`; otherwise None."""
        return None if self.annealing_base is None else self._alike(None)

    @property
    def dtype(self):
        """In which f is computed: "float32" or "float64"."""
        return "float32" if self.single else "float64"

    @property
    def layers(self):
        """Description of the layers, a list."""
        return normalise(self.described["layers"])

    @property
    def shape(self):
        """Shape of the input, a tuple."""
        return tuple(self.described["shape"])

    @property
    def has_walls(self):
        """Has the base walls?"""
        return self.prior is not None and self.prior.has_walls

    @property
    def param_names(self):
        """Names of the parameters, as ``layer1.W[0,0]``, in the order of theta."""
        return tuple(self.stack.param_names())

    @property
    def has_density(self):
        """Has exp(-E) a finite integral? Without a base nobody knows."""
        return self.prior is not None and self.prior.has_density

    def saturation(self, X):
        """Of each activation layer, the share of its units with a slope below 0.005 at every row, shape (n_layers,).

        Raises
        ------
        ValueError, TypeError
            As `energy` does.
        """
        cdef Py_ssize_t i
        cdef double[::1] weights = np.empty(max(self.n_params, 1))
        x, _ = samples(X, self.n_features)
        for i in range(self.n_params):
            weights[i] = self.effective[i]
        rows = np.zeros((self.n_features, padded(len(x), False)))
        rows[:, :len(x)] = ((x - self.described["loc"]) / self.described["scale"]).T
        _, slopes = self.stack.look(weights[:self.n_params], rows)
        return np.array([(np.abs(s[:, :len(x)]) < 0.005).all(axis=1).mean() for s in slopes])

    def log_partition(self):
        """Not known in closed form. Raises NotImplementedError that names the way to it."""
        if self.prior is None:
            raise NotImplementedError(
                "a network without a base has no density: exp(-f) need not have a finite integral; give base=, as "
                "fastebm.Gaussian.fit(X), or a fastebm.Box"
            )
        return Energy.log_partition(self)

    has_log_partition = property(lambda self: False, doc="False: log Z is estimated, by annealing from the base.")

    @classmethod
    def mlp(cls, n_features, hidden=(128, 128), *, activation="silu", base=None, loc=None, scale=None,
            spectral_norm=None, dtype="float32", seed=0):
        """Dense layers with an activation after each.

        Parameters
        ----------
        n_features : int
        hidden : sequence of int, default (128, 128)
            Widths.
        activation : {"silu", "softplus", "leaky_relu"}, default "silu"
        base, loc, scale, spectral_norm, dtype, seed
            As in `NetworkEnergy`.

        Raises
        ------
        ValueError, TypeError
            As `NetworkEnergy` does.
        """
        choice(activation, "activation", tuple(ACTIVATIONS))
        layers = [part for width in widths_of(hidden, "hidden") for part in (("dense", width), activation)]
        return cls(integer(n_features, "n_features", 1), layers, base=base, loc=loc, scale=scale,
                   spectral_norm=spectral_norm, dtype=dtype, seed=seed)

    @classmethod
    def conv(cls, image_shape, channels=(16, 32), dense=(128,), *, activation="silu", base=None, loc=None, scale=None,
             spectral_norm=None, dtype="float32", seed=0):
        """Convolutions 3 x 3, every one but the first with stride 2, then dense layers, an activation after each.

        Parameters
        ----------
        image_shape : (int, int) or (int, int, int)
            (height, width) or (channels, height, width).
        channels, dense : sequence of int
            Widths of the convolutions and of the dense layers.
        activation, base, loc, scale, spectral_norm, dtype, seed
            As in `NetworkEnergy.mlp`.

        Raises
        ------
        ValueError, TypeError
            As `NetworkEnergy` does.
        """
        choice(activation, "activation", tuple(ACTIVATIONS))
        shape = shape_of(image_shape, "image_shape")
        if len(shape) != 3:
            raise ValueError(
                f"image_shape must be (height, width) or (channels, height, width), got {describe(image_shape)}"
            )
        layers = [part for i, width in enumerate(widths_of(channels, "channels"))
                  for part in (("conv", width, 3, 2 if i else 1, 1), activation)]
        layers += [part for width in widths_of(dense, "dense") for part in (("dense", width), activation)]
        return cls(shape, layers, base=base, loc=loc, scale=scale, spectral_norm=spectral_norm, dtype=dtype, seed=seed)

    def _alike(self, prior):
        # Without the draws and the tables of __init__: the layers have no state.
        cdef NetworkEnergy other = NetworkEnergy.__new__(NetworkEnergy)
        self._check_ready()
        other.adopt(prior, self.stack, self.described)
        other.load_theta(self.theta_ptr)
        return other

    def __copy__(self):
        return self._alike(self.base)

    def __deepcopy__(self, memo):
        return self._alike(self.base)

    def _arguments(self):
        return {**self.described, "base": self.prior}

    def __repr__(self):
        return (f"NetworkEnergy(shape={self.shape}, layers={self.described['layers']}, base={self.prior!r}, "
                f"dtype={self.dtype!r}, n_params={self.n_params})")
