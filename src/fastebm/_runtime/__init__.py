"""Plumbing that knows no energy: checks, errors, seeds, threads, progress, instruction-set levels."""

from . import isa as _isa  # noqa: F401  (before any compiled module)
