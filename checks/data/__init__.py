"""Checks on inputs and targets."""
