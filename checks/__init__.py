"""The rule book: one check, one file."""
