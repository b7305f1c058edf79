"""Layers of networks: maps between blocks of rows, with both of their gradients, in float32 or float64."""
