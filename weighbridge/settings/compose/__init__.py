"""Compose files as frozen values: the stack that they describe, without the engine and without Compose."""
