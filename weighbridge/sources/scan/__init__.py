"""Finds what an image should not hold: secrets, compilers, caches, libraries for another architecture."""
