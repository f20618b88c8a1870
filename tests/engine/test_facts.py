"""What an engine says of itself is asked for once, and only when it is needed."""

from __future__ import annotations

from typing import Any

from weighbridge.engine.facts import Facts


class Asked(Facts):
    """An engine that counts the questions, and makes up a new id for each answer, as Podman does."""

    host = "unix:///x"

    def __init__(self) -> None:
        self.count = 0

    def ask(self) -> dict[str, Any]:
        """Answer."""
        self.count += 1
        return {
            "ServerVersion": "20.10",
            "Driver": "overlay2",
            "OSType": "linux",
            "Architecture": "x86_64",
            "DockerRootDir": "/d",
            "ID": f"id{self.count}",
        }


def test_one_answer_serves_all() -> None:
    """Version, store, platform and folder come from one answer."""
    engine = Asked()
    assert engine.count == 0
    assert engine.described == "Docker 20.10, overlay2, linux/amd64, at unix:///x"
    assert (engine.data_root.path, engine.data_root.store, engine.data_root.obstacle) == ("/d", "overlay2", "")
    assert engine.count == 1


def test_id_is_asked_for_twice() -> None:
    """An id that changes from answer to answer tells nothing: the address is the key."""
    engine = Asked()
    assert engine.key == engine.key == "unix:///x"
    assert engine.count == 2
