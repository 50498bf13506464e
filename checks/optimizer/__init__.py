"""Checks on the optimizer and its hyperparameters."""
