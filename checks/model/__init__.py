"""Checks on activations, initialisation and architecture."""
