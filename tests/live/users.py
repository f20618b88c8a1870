"""Things of a user's own in the engine, which no removal of ours may touch."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from weighbridge.engine.client import DockerEngine


@dataclass(frozen=True, slots=True)
class UsersThings:
    """A container, a network and a volume that carry no label of ours, though their name looks like it."""

    engine: DockerEngine
    name: str

    def are_there(self) -> bool:
        """Tell whether the engine still has all three."""
        api = self.engine._api
        found = (api.inspect_container(self.name), api.inspect_network(self.name), api.inspect_volume(self.name))
        return all(found)


@contextmanager
def users_things(engine: DockerEngine, image: str) -> Iterator[UsersThings]:
    """Make a stopped container, a network and a volume; remove them at the end."""
    api, name = engine._api, f"weighbridge-users-{secrets.token_hex(4)}"
    api.create_volume(name)
    engine.create_network(name, {"mine": "yes"})
    attached = api.create_networking_config({name: api.create_endpoint_config()})
    api.create_container(image, ["true"], name=name, networking_config=attached)
    try:
        yield UsersThings(engine, name)
    finally:
        api.remove_container(name)
        api.remove_network(name)
        api.remove_volume(name)
