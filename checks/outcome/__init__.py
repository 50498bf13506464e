"""Checks on what is seen, and how the script ended."""
