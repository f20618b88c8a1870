"""Draws results as pictures."""
