"""Proof: treated runs against control runs, from the same state."""
