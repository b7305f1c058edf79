"""Plumbing that knows no energy: checks, errors, seeds, threads, progress, instruction-set levels."""
