"""The settings in invoke.yaml and the environment, checked once, as frozen values."""
