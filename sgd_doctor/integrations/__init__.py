"""Bridges to other tools: each module is loaded by the tool that it serves."""
