"""Changes of the rows of a batch, drawn anew at every visit: noise, shifts, mirrors, crops, functions of the user's."""

import numpy as np

from .._runtime.check import choice, describe, first_bad, integer, numeric, real

from libc.math cimport fma
from libc.stdint cimport uint64_t

from .._runtime.fast cimport address
from ..kernels.layout cimport gather, scatter
from ..kernels.math cimport in_t, out_t
from ..kernels.random cimport AUGMENT, DATA_NOISE, Key, counter, normal_pairs, threefry, uniform_pairs
from ..samplers.base cimport key_of

# Number of the first chain, as a row: rows of a batch are numbered from 0.
FIRST_CHAIN = 1 << 62
# Rows of a block, where whole rows are changed; no number depends on it.
cdef Py_ssize_t BLOCK = 256


cdef inline void add_scaled(out_t x, in_t z, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = fma(by, z[i], x[i])


cdef void add_noise(double* x, double* work, const double* stds, Py_ssize_t features, Py_ssize_t n, Py_ssize_t stride,
                    Key key, uint64_t purpose, uint64_t first, uint64_t update) noexcept nogil:
    # Normals come in pairs, one for each of two neighbouring features.
    cdef Py_ssize_t d = 0
    while d < features:
        normal_pairs(key, first, counter(purpose, d // 2, update), n, work, work + stride)
        add_scaled(x + d * stride, work, n, stds[d])
        if d + 1 < features:
            add_scaled(x + (d + 1) * stride, work + stride, n, stds[d + 1])
        d += 2


cdef inline Py_ssize_t below(double u, Py_ssize_t count) noexcept nogil:
    # One of 0 .. count - 1, from u on (0, 1].
    return <Py_ssize_t>((1.0 - u) * count)


cdef inline Py_ssize_t inside(Py_ssize_t place, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    return low if place < low else (high if place > high else place)


def per_feature(value, name, n_features=None):
    """Standard deviations as an array of shape (n_features,), or (1,) where no number of features is known."""
    array = numeric(value, name)
    if array.ndim > 1 or (array.ndim == 1 and n_features is not None and len(array) != n_features):
        raise ValueError(f"{name} must be a number or have one entry for each feature"
                         + (f" ({n_features})" if n_features is not None else "") + f", got shape {array.shape}")
    array = np.atleast_1d(array)
    first_bad(array, name)
    if not array.size or (array < 0).any():
        raise ValueError(f"{name} must not be negative, got {describe(value)}")
    return array.copy() if n_features is None else np.broadcast_to(array, (n_features,)).copy()


cdef class Augmentation:
    """A random change of rows, made anew at every visit. Use `Noise`, `Shift`, `Flip` or `Crop`."""

    cdef void apply(self, double* x, double* work, Py_ssize_t features, Py_ssize_t n, Py_ssize_t stride, Key key,
                    uint64_t first, uint64_t update) noexcept nogil:
        pass

    def _arguments(self):
        """Arguments that rebuild it."""
        return {}

    def __reduce__(self):
        return _rebuild, (type(self), self._arguments())

    def __eq__(self, other):
        return type(self) is type(other) and self._arguments() == other._arguments()

    __hash__ = None

    def __repr__(self):
        return f"{type(self).__name__}({', '.join([f'{k}={v!r}' for k, v in self._arguments().items()])})"


def _rebuild(cls, arguments):
    return cls(**arguments)


cdef class Noise(Augmentation):
    """Independent normal noise on every feature.

    Parameters
    ----------
    std : float or array-like of shape (n_features,)
        Standard deviation, in the units of X.

    Raises
    ------
    ValueError, TypeError
        If std is negative, not finite or not numbers.

    Examples
    --------
    >>> import fastebm as fe
    >>> trainer = fe.ContrastiveDivergence(fe.WellMixture(), augment=fe.Noise(0.1))
    """

    def __init__(self, std):
        array = per_feature(std, "std")
        self.stds = array
        self.std = array.tolist() if np.ndim(std) else float(array[0])
        self.n_features = len(array) if np.ndim(std) else 0

    cdef void apply(self, double* x, double* work, Py_ssize_t features, Py_ssize_t n, Py_ssize_t stride, Key key,
                    uint64_t first, uint64_t update) noexcept nogil:
        cdef Py_ssize_t d
        cdef double* stds = work + 2 * stride
        for d in range(features):
            stds[d] = self.stds[d if self.n_features else 0]
        add_noise(x, work, stds, features, n, stride, key, AUGMENT, first, update)

    def _arguments(self):
        return {"std": self.std}


cdef class OfImages(Augmentation):
    """A change of rows that are images, (height, width) or (channels, height, width), stored row by row."""

    def __init__(self, image_shape, prob):
        try:
            shape = tuple(image_shape)
        except TypeError:
            shape = ()
        if len(shape) not in (2, 3):
            raise ValueError(
                "image_shape must be (height, width) or (channels, height, width), "
                f"got {describe(image_shape)}"
            )
        self.image_shape = tuple([integer(n, "image_shape", 1) for n in shape])
        self.channels = self.image_shape[0] if len(shape) == 3 else 1
        self.height, self.width = self.image_shape[len(shape) - 2], self.image_shape[len(shape) - 1]
        self.n_features = self.channels * self.height * self.width
        self.prob = real(prob, "prob", minimum=0, maximum=1)

    cdef void change(self, double* image, Py_ssize_t stride, double* copy, double u) noexcept nogil:
        pass

    cdef void apply(self, double* x, double* work, Py_ssize_t features, Py_ssize_t n, Py_ssize_t stride, Key key,
                    uint64_t first, uint64_t update) noexcept nogil:
        cdef Py_ssize_t i, d
        cdef double* copy = work + 2 * stride
        uniform_pairs(key, first, counter(AUGMENT, 0, update), n, work, work + stride)
        for i in range(n):
            # u is never 0, so that nothing is changed where prob is.
            if work[i] <= self.prob:
                for d in range(features):
                    copy[d] = x[d * stride + i]
                self.change(x + i, stride, copy, work[stride + i])


cdef class Shift(OfImages):
    """Images moved by up to `pixels` along both axes, every move as likely as every other.

    Parameters
    ----------
    image_shape : (height, width) or (channels, height, width)
    pixels : int, default 1
        The farthest move; less than height and width.
    prob : float, default 0.3
        Share of the rows that are moved (a move may be by 0 pixels).
    fill : "edge" or float, default "edge"
        What comes in from outside: the pixel at the edge, or this value.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of the wrong type.

    Examples
    --------
    >>> import fastebm as fe
    >>> fe.Shift((8, 8), pixels=1, prob=0.3)
    Shift(image_shape=(8, 8), pixels=1, prob=0.3, fill='edge')
    """

    def __init__(self, image_shape, pixels=1, prob=0.3, fill="edge"):
        OfImages.__init__(self, image_shape, prob)
        self.pixels = integer(pixels, "pixels", 1, min(self.height, self.width) - 1)
        self.edge, self.value = _filling(fill)

    cdef void change(self, double* image, Py_ssize_t stride, double* copy, double u) noexcept nogil:
        cdef Py_ssize_t side = 2 * self.pixels + 1, move = below(u, side * side), c, i, j, row, column
        cdef Py_ssize_t down = move // side - self.pixels, right = move % side - self.pixels
        for c in range(self.channels):
            for i in range(self.height):
                row = inside(i - down, 0, self.height - 1)
                for j in range(self.width):
                    column = inside(j - right, 0, self.width - 1)
                    if not self.edge and (row != i - down or column != j - right):
                        image[0] = self.value
                    else:
                        image[0] = copy[(c * self.height + row) * self.width + column]
                    image += stride

    def _arguments(self):
        return {"image_shape": self.image_shape, "pixels": self.pixels, "prob": self.prob,
                "fill": "edge" if self.edge else self.value}


cdef class Flip(OfImages):
    """Images mirrored along an axis.

    Parameters
    ----------
    image_shape : (height, width) or (channels, height, width)
    axis : {-1, -2}, default -1
        -1 swaps left and right, -2 top and bottom.
    prob : float, default 0.5
        Share of the rows that are mirrored.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of the wrong type.

    Examples
    --------
    >>> import fastebm as fe
    >>> fe.Flip((8, 8), prob=0.5)
    Flip(image_shape=(8, 8), axis=-1, prob=0.5)
    """

    def __init__(self, image_shape, axis=-1, prob=0.5):
        OfImages.__init__(self, image_shape, prob)
        self.axis = integer(axis, "axis", -2, -1)

    cdef void change(self, double* image, Py_ssize_t stride, double* copy, double u) noexcept nogil:
        cdef Py_ssize_t c, i, j, row, column
        for c in range(self.channels):
            for i in range(self.height):
                row = self.height - 1 - i if self.axis == -2 else i
                for j in range(self.width):
                    column = self.width - 1 - j if self.axis == -1 else j
                    image[0] = copy[(c * self.height + row) * self.width + column]
                    image += stride

    def _arguments(self):
        return {"image_shape": self.image_shape, "axis": self.axis, "prob": self.prob}


cdef class Crop(OfImages):
    """Images of which only a window is kept: each side loses up to `pixels` rows or columns, for itself.

    Parameters
    ----------
    image_shape : (height, width) or (channels, height, width)
    pixels : int, default 1
        The most that a side loses; less than half of height and width.
    prob : float, default 0.3
        Share of the rows that are cropped (a crop may lose nothing).
    fill : "edge" or float, default "edge"
        What stands outside the window: its pixel nearest by, or this value.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of the wrong type.

    Examples
    --------
    >>> import fastebm as fe
    >>> fe.Crop((8, 8), pixels=2)
    Crop(image_shape=(8, 8), pixels=2, prob=0.3, fill='edge')
    """

    def __init__(self, image_shape, pixels=1, prob=0.3, fill="edge"):
        OfImages.__init__(self, image_shape, prob)
        self.pixels = integer(pixels, "pixels", 1, (min(self.height, self.width) - 1) // 2)
        self.edge, self.value = _filling(fill)

    cdef void change(self, double* image, Py_ssize_t stride, double* copy, double u) noexcept nogil:
        cdef Py_ssize_t side = self.pixels + 1, cut = below(u, side * side * side * side), c, i, j, row, column
        cdef Py_ssize_t top = cut % side, left = cut // side % side
        cdef Py_ssize_t bottom = self.height - 1 - cut // (side * side) % side
        cdef Py_ssize_t right = self.width - 1 - cut // (side * side * side)
        for c in range(self.channels):
            for i in range(self.height):
                row = inside(i, top, bottom)
                for j in range(self.width):
                    column = inside(j, left, right)
                    if not self.edge and (row != i or column != j):
                        image[0] = self.value
                    else:
                        image[0] = copy[(c * self.height + row) * self.width + column]
                    image += stride

    def _arguments(self):
        return {"image_shape": self.image_shape, "pixels": self.pixels, "prob": self.prob,
                "fill": "edge" if self.edge else self.value}


def _filling(fill):
    if isinstance(fill, str):
        choice(fill, "fill (a number or)", ("edge",))
        return True, 0.0
    return False, real(fill, "fill")


cdef Key own_key(Key key, uint64_t place) noexcept nogil:
    # Of one part: two of the same kind never share a number.
    cdef Key own
    threefry(key.k0, key.k1, place, counter(AUGMENT, 0, 0), &own.k0, &own.k1)
    return own


cdef class Link:
    """One compiled part, and those behind it."""

    cdef void block(self, double* x, double* work, Py_ssize_t features, Py_ssize_t n, Py_ssize_t stride, Key key,
                    uint64_t first, uint64_t update) noexcept nogil:
        self.part.apply(x, work, features, n, stride, own_key(key, self.place), first, update)
        if self.following is not None:
            self.following.block(x, work, features, n, stride, key, first, update)


cdef class Changes:
    """All that is done to the rows of a batch: the augmentations in their order, then noise.

    Parameters
    ----------
    parts : sequence of Augmentation or callable
        A callable is given (X, rng) and returns rows of the same shape.
    stds : ndarray of shape (n_features,)
        Noise on every feature.
    """

    def __init__(self, parts, stds):
        cdef Link link, last = None
        self.parts, self.stds, self.features = tuple(parts), stds, len(stds)
        self.noisy = bool((stds > 0).any())
        self.compiled = all([isinstance(part, Augmentation) for part in self.parts])
        for place, part in enumerate(self.parts if self.compiled else ()):
            link = Link()
            link.part, link.place = part, place
            if last is None:
                self.first_part = link
            else:
                last.following = link
            last = link

    @property
    def nothing(self):
        """Does it leave rows as they are?"""
        return not self.parts and not self.noisy

    cdef void noise(self, double* x, double* work, Py_ssize_t n, Py_ssize_t stride, Key key, uint64_t first,
                    uint64_t update) noexcept nogil:
        if self.noisy:
            add_noise(x, work, &self.stds[0], self.features, n, stride, key, DATA_NOISE, first, update)

    cdef void block(self, double* x, double* work, Py_ssize_t n, Py_ssize_t stride, Key key, uint64_t first,
                    uint64_t update) noexcept nogil:
        if self.first_part is not None:
            self.first_part.block(x, work, self.features, n, stride, key, first, update)
        self.noise(x, work, n, stride, key, first, update)

    cdef object rows(self, object rows, Key key, uint64_t first, uint64_t update):
        cdef Augmentation part
        cdef Key own
        cdef uint64_t w0, w1
        cdef Py_ssize_t start, n, total = len(rows), d = self.features
        cdef double* at
        cdef double* x
        rows = rows.copy()
        if not total:
            return rows
        at = address(rows)
        scratch = np.empty(5 * d * BLOCK)
        x = address(scratch)
        for place, one in enumerate(self.parts):
            own = own_key(key, place)
            if not isinstance(one, Augmentation):
                threefry(own.k0, own.k1, first, counter(AUGMENT, 0, update), &w0, &w1)
                rows = _asked(one, rows, np.random.default_rng([w0, w1]))
                at = address(rows)
                continue
            part = one
            for start in range(0, total, BLOCK):
                n = min(BLOCK, total - start)
                gather(at + start * d, x, n, d, BLOCK)
                part.apply(x, x + d * BLOCK, d, n, BLOCK, own, first + start, update)
                scatter(x, at + start * d, n, d, BLOCK)
        return rows

    def visit(self, rows, seed, *, visits=1, augmented=True):
        """The rows as training would see them, `visits` times one below the other.

        Parameters
        ----------
        rows : ndarray of shape (n, n_features)
        seed : None, int, SeedSequence or Generator
        visits : int
        augmented : bool
            With the augmentations; without, only the noise is added.
        """
        cdef Key key = key_of(seed)
        cdef Py_ssize_t start, n, d = self.features, visit
        cdef double* x
        cdef double* at
        seen = []
        scratch = np.empty(5 * d * BLOCK)
        x = address(scratch)
        for visit in range(visits):
            one = self.rows(rows, key, 0, visit) if augmented else rows.copy()
            at = address(one)
            for start in range(0, len(one), BLOCK):
                n = min(BLOCK, len(one) - start)
                gather(at + start * d, x, n, d, BLOCK)
                self.noise(x, x + d * BLOCK, n, BLOCK, key, start, visit)
                scatter(x, at + start * d, n, d, BLOCK)
            seen.append(one)
        return np.concatenate(seen)


def _asked(function, rows, rng):
    """What a function of the user's makes of the rows, checked."""
    shape = rows.shape
    changed = numeric(function(rows, rng), "the result of augment(X, rng)")
    if changed.shape != shape:
        raise ValueError(f"augment(X, rng) must return rows of the shape of X, {shape}, got {changed.shape}")
    first_bad(changed, "augment(X, rng)")
    return np.array(changed)
