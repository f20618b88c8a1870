"""A registry's API, spoken within bounds of time and size."""
