"""Finds a container engine or installs one, and talks to it."""
