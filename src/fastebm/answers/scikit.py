"""What the estimators take from scikit-learn, and what stands in for it where it is not installed."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from .._runtime.seed import seed_sequence

try:
    from sklearn.base import (
        BaseEstimator,
        ClassNamePrefixFeaturesOutMixin,
        DensityMixin,
        OutlierMixin,
        TransformerMixin,
        clone,
    )
    from sklearn.utils import _safe_indexing, check_random_state
    from sklearn.utils.validation import check_is_fitted, validate_data

    class _Transforming(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
        """A transformer with one output for each mode: pipelines, and `set_output`."""

    Transforming: Any = _Transforming

except ImportError as _error:
    # The classes can still be imported, documented and named; they cannot be constructed.
    _reason = str(_error)
    check_is_fitted = check_random_state = clone = validate_data = _safe_indexing = None

    class _NoMixin:
        """Stands in for scikit-learn's mixins."""

    class _NoEstimator:
        """Stands in for scikit-learn's base class and refuses to be constructed."""

        def __new__(cls, *args, **kwargs):
            raise ImportError(
                f"{cls.__name__} needs scikit-learn 1.6 or newer: pip install -U scikit-learn ({_reason}); "
                "fastebm.fit_wells fits the same density without it"
            )

    DensityMixin = OutlierMixin = Transforming = _NoMixin
    BaseEstimator = _NoEstimator

__all__ = [
    "BaseEstimator",
    "DensityMixin",
    "OutlierMixin",
    "Transforming",
    "_safe_indexing",
    "check_is_fitted",
    "check_random_state",
    "clone",
    "sequence_of",
    "validate_data",
]


def sequence_of(random_state) -> np.random.SeedSequence:
    """The seed of a random_state, which is not changed: an int, None, or an object of NumPy's."""
    if isinstance(random_state, np.random.SeedSequence):
        # A copy: spawning must not change what fit does the next time.
        return np.random.SeedSequence(
            random_state.entropy, spawn_key=random_state.spawn_key, pool_size=random_state.pool_size
        )
    if isinstance(random_state, np.random.Generator):
        return seed_sequence(random_state)
    if isinstance(random_state, numbers.Integral):
        return seed_sequence(int(random_state))
    words = check_random_state(random_state).randint(0, 2**32, size=4, dtype=np.uint32)
    return seed_sequence([int(w) for w in words])
