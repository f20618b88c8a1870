"""Reads tar archives and the layers in them as streams, within bounds."""
