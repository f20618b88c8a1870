"""The containers of a smoke test: starts them, talks to them, watches and removes them."""
