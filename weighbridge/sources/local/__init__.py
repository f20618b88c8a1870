"""Reads images where an engine of this machine keeps them, without asking it to save them."""
