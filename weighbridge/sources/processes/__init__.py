"""Reads layers in processes beside this one, because Python parses on one core only."""
