"""Fits of wells in many situations, against multi-start maximum likelihood by code of others."""
