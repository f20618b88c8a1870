"""The client of a registry's API, with limits on time and size."""
