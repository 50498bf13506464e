"""Checks of a house of its own; each file is one check."""
