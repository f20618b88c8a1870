"""Frozen values that the rooms exchange: what an image weighs, what was built, what a proof found."""
