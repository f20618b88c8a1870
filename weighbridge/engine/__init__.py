"""A container engine: found, asked, installed."""
