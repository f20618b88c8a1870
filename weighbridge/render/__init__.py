"""Renders results: one module per format, all from the same values, without access to an engine."""
