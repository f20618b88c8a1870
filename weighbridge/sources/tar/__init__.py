"""Tar archives and the layers in them, read as a stream within bounds."""
