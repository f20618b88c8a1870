"""Results for a person at a terminal, and for a pipe."""
