"""Finds out why a PyTorch training loop does not learn, and proves it."""
