"""Checks on the loss function and its operands."""
