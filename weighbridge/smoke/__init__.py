"""The proof that each role runs from an image, hardened, and does its work."""
