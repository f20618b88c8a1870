"""The documents of an OCI image: indexes, manifests, configs, and the names of platforms."""
