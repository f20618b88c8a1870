"""The smoke test: proves that each role runs from an image, hardened, and does its work."""
