"""Inline maths and random numbers (``.pxd``), the block loops of wells, and a probe through which tests reach them."""
