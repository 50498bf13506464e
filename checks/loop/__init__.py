"""Checks on the order of zero_grad, backward and step."""
