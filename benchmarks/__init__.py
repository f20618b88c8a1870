"""Speed, memory and correctness beside `docker save`, dive and syft, measured in one run: `invoke bench`."""
