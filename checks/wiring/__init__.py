"""Checks of how model, loss and optimizer are connected."""
