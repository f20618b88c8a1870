"""Computes from an image's layers which files a container sees and who owns their bytes; reads nothing itself."""
