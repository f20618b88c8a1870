"""From layers to a file system, and whose its bytes are: pure, nothing is read or asked."""
