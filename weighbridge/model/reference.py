"""The names of images as engines and Dockerfiles write them, without what differs between versions of one image."""

from __future__ import annotations

_HUB = ("index.docker.io/", "docker.io/")


def strip_tag(reference: str) -> str:
    """Return an image's repository: its name without tag, digest and what names of Docker Hub may leave out."""
    folder, slash, last = reference.partition("@")[0].rpartition("/")
    name = folder + slash + last.partition(":")[0]
    host = next((host for host in _HUB if name.startswith(host)), "")
    return name.removeprefix(host).removeprefix("library/")
