"""Checks of what several processes that train together have to agree on."""
