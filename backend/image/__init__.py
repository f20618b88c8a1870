"""What only the build of the image runs: none of it is in the image."""
