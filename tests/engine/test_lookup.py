"""What an engine says of its images is read at its socket as the SDK reads it, and whatever goes wrong the SDK tells.

That a real engine's answers lead to the same values is tested in `tests/live/test_sources.py`.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.sockets import ANSWERS, Answers, serving
from weighbridge.engine import client, lookup
from weighbridge.errors import EngineFault, NoEngine, NoSuchImage, WeighbridgeError

pytestmark = [
    pytest.mark.usefixtures("dead_engines", "nobody_names_an_engine"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

INFO = {"ServerVersion": "20.10", "Driver": "overlay2", "Architecture": "x86_64", "DockerRootDir": "/d", "ID": "x"}
ROW = {"Id": "sha256:a", "RepoTags": ["x:1"], "RootFS": {"Layers": ["sha256:l"]}, "Config": {"Labels": {"a": "b"}}}
ENGINE: Answers = ANSWERS | {
    "/info": (200, json.dumps(INFO)),
    "/images/json": (200, json.dumps([ROW, {"Id": "sha256:b", "RepoTags": None}])),
    "/images/x:1/json": (200, json.dumps(ROW)),
    "/images/sha256:a/json": (200, json.dumps(ROW)),
    "/images/gone:1/json": (404, '{"message": "No such image: gone:1"}'),
    "/images/broken:1/json": (500, '{"message": "it burns"}'),
    "/images/odd:1/json": (200, "[]"),
    "/images/X/json": (400, '{"message": "invalid reference format"}'),
}

LINES = [f"{number} {'x' * number}\n" for number in range(500)]
SAVING: Answers = {"/images/get": (200, "".join(LINES))} | ENGINE


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the socket that DOCKER_HOST names."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    return tmp_path / "s"


def test_same_values_as_with_the_sdk(place: Path) -> None:
    """Identity, folder, one image and all named images are those that the SDK leads to."""
    with serving(place, ENGINE), lookup.connect() as found, client.connect() as full:
        assert (found.host, found.identity, found.data_root) == (full.host, full.identity, full.data_root)
        assert found.key == full.key == "x"
        assert found.inspect_image("x:1") == full.inspect_image("x:1")
        assert found.list_named_images() == full.list_named_images() != ()
        assert found.has_image("x:1")
        assert not found.has_image("gone:1")


@pytest.mark.parametrize("name", ["gone:1", "broken:1", "odd:1", "X"])
def test_same_errors_as_with_the_sdk(place: Path, name: str) -> None:
    """An image that is not there, and an engine's fault, give the error that they give with the SDK."""
    with serving(place, ENGINE), lookup.connect() as found, client.connect() as full:
        with pytest.raises((WeighbridgeError, AttributeError, TypeError)) as expected:
            full.inspect_image(name)
        with pytest.raises(expected.type) as caught:
            found.inspect_image(name)
    assert str(caught.value) == str(expected.value)
    assert expected.type is {"gone:1": NoSuchImage, "broken:1": EngineFault, "X": NoSuchImage}.get(name, expected.type)


@pytest.mark.parametrize("name", ["x:1", "gone:1", "broken:1", "odd:1", "X"])
def test_asked_while_it_says_what_it_is(place: Path, name: str) -> None:
    """An image that was asked for at once has the same answer, or error; the next answer is a new one."""
    with serving(place, ENGINE), lookup.connect() as later, lookup.connect([name, "sha256:a", name]) as found:
        for _ in range(2):
            outcomes = list[object]()
            for each in (later, found):
                try:
                    outcomes.append(each.inspect_image(name))
                except (WeighbridgeError, AttributeError, TypeError) as error:
                    outcomes.append((type(error), str(error)))
            assert outcomes[0] == outcomes[1]


def test_engine_looks_for_images_at_once(place: Path) -> None:
    """It has all requests, and has answered none; of many images it is asked for some."""
    names = [f"x:{number}" for number in range(20)]
    with socket.socket(socket.AF_UNIX) as listener, ThreadPoolExecutor(1) as threads:
        listener.bind(str(place))
        listener.listen(30)
        listener.settimeout(10)
        with threads.submit(lookup.connect, names).result(timeout=10):
            asked = [listener.accept()[0] for _ in range(9)]
            lines = [each.recv(65536).partition(b" HTTP")[0] for each in asked]
            assert lines == [b"GET /info", *(b"GET /images/x:%d/json" % number for number in range(8))]
            for each in asked:
                each.close()


def test_early_answers_become_old(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image is asked for again if the first request was long ago: its name may have changed hands."""
    answers = dict(ENGINE)
    with serving(place, answers), lookup.connect(["x:1"]) as found:
        assert found.identity.version == "20.10"
        time.sleep(0.3)
        answers["/images/x:1/json"] = (200, json.dumps(ROW | {"Id": "sha256:new"}))
        with monkeypatch.context() as changed:
            changed.setattr(lookup, "_FRESH_SECONDS", 0.1)
            assert found.inspect_image("x:1").id == "sha256:new"


def test_name_that_nobody_can_ask_for(place: Path) -> None:
    """It keeps neither other images nor the engine from being asked at the socket."""
    with serving(place, ENGINE), lookup.connect(["\udcff", "x:1"]) as found:
        assert found.can_save_at_once
        assert found.inspect_image("x:1").id == "sha256:a"


@pytest.mark.parametrize(("processors", "expected"), [(1, False), (2, True)])
def test_one_processor_saves_once(place: Path, processors: int, *, expected: bool) -> None:
    """Two streams are no faster than one there."""
    answers = ENGINE | {"/info": (200, json.dumps(INFO | {"NCPU": processors}))}
    with serving(place, answers), lookup.connect() as found:
        assert found.can_save_at_once == expected


def test_several_threads_may_ask(place: Path) -> None:
    """Each gets the answer to its own question, and no connection is left."""
    with serving(place, ENGINE), lookup.connect() as found, ThreadPoolExecutor(4) as threads:
        names = ["x:1", "sha256:a", "gone:1"] * 20
        asked = [threads.submit(found.has_image, name) for name in names]
        assert [each.result() for each in asked] == [name != "gone:1" for name in names]
        images = [threads.submit(found.inspect_image, name) for name in ("x:1", "sha256:a") * 20]
        assert [each.result().reference for each in images] == ["x:1", "sha256:a"] * 20


def test_same_stream_as_with_the_sdk(place: Path) -> None:
    """What the engine saves is read to its end, also bit by bit; a second stream may be open meanwhile."""
    with serving(place, SAVING), lookup.connect() as found, client.connect() as full:
        with full.save(["x:1"]) as stream:
            expected = stream.read()
        with found.save(["x:1", "y:1"]) as stream, found.save(["y:1"]) as other:
            assert b"".join(iter(lambda: stream.read(7), b"")) == expected == "".join(LINES).encode()
            assert other.read(3) == expected[:3]
        assert found.inspect_image("x:1").id == "sha256:a"


def test_engine_collects_before_anything_is_read(place: Path) -> None:
    """It has the request at once, because it may take seconds before the first byte."""
    with serving(place, ENGINE):
        found = lookup.connect()
        assert found.can_save_at_once
        assert found.key == "x"
    place.unlink()
    with found, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        listener.settimeout(10)
        with found.save(["x:1", "y"]):
            asked, _ = listener.accept()
            with asked:
                asked.settimeout(10)
                assert asked.recv(65536).startswith(b"GET /images/get?names=x%3A1&names=y ")


def test_stream_that_breaks_off(place: Path) -> None:
    """If the engine goes away amid the stream, that is the error."""
    with serving(place, SAVING, breaks_off=True), lookup.connect() as found, found.save(["x:1"]) as stream:
        assert stream.read(5)
        with pytest.raises(NoEngine, match="The engine does not answer: the connection broke off"):
            list(iter(lambda: stream.read(1000), b""))


def test_refusal_to_save_is_told_by_the_sdk(place: Path) -> None:
    """An engine that saves nothing says why, in the same words."""
    refusing = {"/images/get": (500, '{"message": "it burns"}')} | ENGINE
    with serving(place, refusing), lookup.connect() as found, client.connect() as full:
        errors = []
        for engine in (full, found):
            with pytest.raises(EngineFault) as caught, engine.save(["x:1"]) as stream:
                stream.read(1)
            errors.append(str(caught.value))
    assert errors[0] == errors[1]
    assert "it burns" in errors[0]


def test_engine_that_comes_back(place: Path) -> None:
    """After the engine was restarted a request goes to the new one; while it is away the error is the SDK's."""
    with serving(place, ENGINE):
        found = lookup.connect()
    place.unlink()
    with found:
        with pytest.raises(NoEngine):
            found.inspect_image("x:1")
        with serving(place, ENGINE):
            assert found.inspect_image("x:1").id == "sha256:a"


@pytest.mark.parametrize("answer", [(503, '{"message": "starting up"}'), (200, "{}"), (200, "[]"), (200, "<html>")])
def test_no_engine(place: Path, answer: tuple[int, str]) -> None:
    """What is no engine, or not ready, gives the SDK's error."""
    with serving(place, {"": answer}):
        with pytest.raises(NoEngine) as expected:
            client.connect()
        with lookup.connect(["x:1"]) as found:
            with pytest.raises(NoEngine) as caught:
                found.inspect_image("x:1")
            assert str(caught.value) == str(expected.value)
        with lookup.connect() as found, pytest.raises(NoEngine) as caught:
            _ = found.identity
    assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize("answer", [(503, "{}"), (200, "[]"), (200, '{"Name": "another program"}')])
def test_socket_of_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str]) -> None:
    """What listens at the usual socket and is no engine is asked once, and the next socket serves all questions."""
    monkeypatch.setattr("weighbridge.engine.endpoint._MACHINES_OWN", f"unix://{tmp_path}/usual")
    with serving(tmp_path / "usual", {"": answer}), serving(tmp_path / "docker.sock", ENGINE):
        for ask in ("inspect_image", "has_image"):
            with lookup.connect(["x:1"]) as found:
                assert getattr(found, ask)("x:1")
                assert found.host == f"unix://{tmp_path}/docker.sock"
                assert found.identity.version == "20.10"
                assert not found.can_save_at_once


def test_second_socket(tmp_path: Path) -> None:
    """If the user names no engine and the usual socket is dead, the next one serves."""
    with serving(tmp_path / "docker.sock", ENGINE), lookup.connect() as found:
        assert found.host == f"unix://{tmp_path}/docker.sock"
        assert found.inspect_image("x:1").id == "sha256:a"
        assert found.identity.version == "20.10"


def test_engine_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is not at a socket is left to the SDK."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(NoEngine, match=r"^No engine answers at tcp://127\.0\.0\.1:1: Connection refused"):
        lookup.connect()


def test_sdk_is_not_loaded(place: Path) -> None:
    """Asking for facts, and for images, loads neither the SDK nor its HTTP libraries, nor what containers need."""
    code = """
import sys
from weighbridge.engine import lookup
with lookup.connect() as found:
    found.inspect_image("x:1"), found.list_named_images(), found.identity, found.data_root
    with found.save(["x:1"]) as stream:
        stream.read(10)
print(sorted({"docker", "requests", "urllib3", "weighbridge.model.container"} & {*sys.modules}))
"""
    with serving(place, SAVING):
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "[]\n"
