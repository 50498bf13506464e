"""Watching one run: torch hooks in, a Recording out."""
