"""Weighbridge builds an image in variants, weighs each one and proves that it runs."""
