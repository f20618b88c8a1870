"""Where an image's bytes come from: an engine, an archive, an OCI layout or a registry."""
