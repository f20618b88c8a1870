"""What invoke.yaml and the environment say, checked once, as frozen values."""
