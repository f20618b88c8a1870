"""What an image should not hold: secrets, compilers, caches, libraries of another machine."""
