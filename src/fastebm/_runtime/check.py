"""Checks at the boundary: every public function converts and validates its input here, in one way."""

from __future__ import annotations

import math
import operator

import numpy as np

from .errors import NonFiniteError
from .fast import all_finite

# Beyond it squares are useless.
LARGEST = 1e100


def describe(value: object) -> str:
    """Short text of a value for an error message."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def numeric(value, name: str) -> np.ndarray:
    """Return value as a float64 array; refuse text, objects, complex numbers and masked entries."""
    if type(value) is np.ndarray and value.dtype == np.float64:
        return value if value.flags.c_contiguous else np.ascontiguousarray(value)
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise ValueError(f"{name} has masked entries; fill or drop them first")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype} ({describe(value)})")
    return array.astype(np.float64, order="C", copy=False)


def first_bad(array: np.ndarray, name: str, advice: str = "") -> None:
    """Raise ValueError naming the first non-finite entry of array, if there is one."""
    if all_finite(np.ascontiguousarray(array).reshape(-1)):
        return
    bad = ~np.isfinite(array)
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    index = ", ".join(map(str, where))
    more = f" ({int(bad.sum())} such entries)" if bad.sum() > 1 else ""
    raise ValueError(f"{name}[{index}] = {array[where]} is not finite{more}{advice}")


def samples(value, n_features: int, name: str = "X", *, allow_empty: bool = False) -> tuple[np.ndarray, bool]:
    """Return (array of shape (n, n_features), was it 1-D), checked and finite."""
    array = numeric(value, name)
    flat = array.ndim == 1
    if flat and n_features != 1:
        raise ValueError(
            f"{name} must have shape (n_samples, {n_features}), got {array.shape}; "
            f"one sample of {n_features} features is {name}.reshape(1, -1)"
        )
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != n_features):
        expected = f"(n_samples, {n_features})" + (" or (n_samples,)" if n_features == 1 else "")
        raise ValueError(f"{name} must have shape {expected}, got {array.shape}")
    if array.shape[0] == 0 and not allow_empty:
        raise ValueError(f"{name} is empty: shape {array.shape}; give at least one sample")
    array = np.ascontiguousarray(array)
    first_bad(array, name)
    return (array.reshape(-1, 1) if flat else array), flat


def rows(value, name: str = "X") -> np.ndarray:
    """Return an array of shape (n, n_features) of any n_features, checked and finite; 1-D values are one feature."""
    return samples(value, np.shape(value)[1] if np.ndim(value) == 2 else 1, name)[0]


def vector(value, length: int, name: str, meaning: str = "") -> np.ndarray:
    """Return a finite 1-D float64 array of the given length."""
    array = numeric(value, name)
    if array.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},){meaning}, got {array.shape}")
    first_bad(array, name)
    return np.ascontiguousarray(array)


def integer(value, name: str, minimum: int = 0, maximum: int | None = None) -> int:
    """Return value as an int within limits; floats and booleans are refused."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {describe(value)}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    if maximum is not None and number > maximum:
        raise ValueError(f"{name} must be at most {maximum}, got {number}")
    return number


def real(
    value,
    name: str,
    *,
    above: float | None = None,
    minimum: float | None = None,
    below: float | None = None,
    maximum: float | None = None,
) -> float:
    """Return value as a finite float within limits."""
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number, got {describe(value)}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {number}")
    if above is not None and not number > above:
        raise ValueError(f"{name} must be greater than {above:g}, got {number:g}")
    if minimum is not None and not number >= minimum:
        raise ValueError(f"{name} must be at least {minimum:g}, got {number:g}")
    if below is not None and not number < below:
        raise ValueError(f"{name} must be less than {below:g}, got {number:g}")
    if maximum is not None and not number <= maximum:
        raise ValueError(f"{name} must be at most {maximum:g}, got {number:g}")
    return number


def choice(value, name: str, allowed: tuple[str, ...]) -> str:
    """Return value if it is one of the allowed words."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {describe(value)}")
    return value


def interval(value, name: str) -> tuple[float, float] | None:
    """Return (low, high) with low < high, or None."""
    if value is None:
        return None
    try:
        low, high = value
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a pair (low, high) or None, got {describe(value)}") from None
    low, high = real(low, f"{name}[0]"), real(high, f"{name}[1]")
    if not low < high:
        raise ValueError(f"{name} must have low < high, got ({low:g}, {high:g})")
    return low, high


def finite_result(array: np.ndarray, what: str, advice: str) -> None:
    """Raise NonFiniteError if a computed array holds infinity or NaN."""
    if not all_finite(np.ascontiguousarray(array).reshape(-1)):
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise NonFiniteError(f"{what} is not finite for sample {row}: {advice}")


def check_size(x: np.ndarray) -> None:
    """Raise ValueError if squares of the data, or sums of them, leave the range of float64."""
    largest = float(np.abs(x).max())
    if largest > LARGEST:
        raise ValueError(
            f"X holds values up to {largest:.3g}, whose squares overflow; rescale the data to a spread near 1"
        )


# Py_TPFLAGS_HEAPTYPE
HEAP_TYPE = 1 << 9


def check_heap_type(cls: type) -> None:
    """Raise TypeError if a class, or one between it and object, was compiled as a static type.

    Our types are made at run time, and their destructor gives back a reference to the type of the object. A static type
    takes none, so it would lose one with every object, until Python crashes.
    """
    for one in cls.__mro__[:-1]:
        if not one.__flags__ & HEAP_TYPE:
            raise TypeError(
                f"{one.__module__}.{one.__qualname__} was compiled as a static type, which crashes Python when its "
                "objects are freed; compile it with the macro CYTHON_USE_TYPE_SPECS=1 (define_macros of its Extension) "
                "or for the limited API"
            )
