"""Images that skopeo puts into a real registry are read from it as they are from the layout where they came from."""

from __future__ import annotations

import base64
import json
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import Entry, ImageSpec, OciBlobs, named
from tests.support.layouts import read_layout
from tests.support.registries import Handler, Registry
from weighbridge.errors import NoSuchImage, UnreadableImage
from weighbridge.image.content import ImageContent
from weighbridge.sources.registry import client

pytestmark = pytest.mark.services

BASE = (Entry("bin/a", random.Random(0).randbytes(3_000_000)), Entry("bin/b", b"b" * 70_000))  # noqa: S311 - no secret
SPEC = ImageSpec(
    tags=(),
    layers=(BASE, (Entry("app/main.py", b"print()"), Entry("bin/.wh.b")), (), BASE),
    history=({"created_by": "ADD x"}, {"created_by": "ENV a=b", "empty_layer": True}),
    labels={"a": "b"},
)
ARM = ImageSpec(tags=(), layers=((Entry("other", b"2"),),))
PASSWORD = "geheim-4711"  # noqa: S105 - a test's
HASH = "$2b$05$s77I5a.pRxJ05nh/9r3XWeOOp.tjO36wLKK0/S/svjAdYBwjFZ.6q"


def needed(program: str) -> str:
    """Return where a program is, or skip."""
    return shutil.which(program) or pytest.skip(f"{program} is not installed")


@contextmanager
def running(folder: Path, auth: Mapping[str, Any] | None = None, **more: Any) -> Iterator[str]:
    """Run Debian's registry on a free port, with its data in a folder; yield its host."""
    program = needed("docker-registry")
    config = {
        "version": "0.1",
        "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": "127.0.0.1:0", "secret": "x"},
        **({"auth": auth} if auth else {}),
        **more,
    }
    (folder / "config.yml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    log = folder / "log"
    with log.open("wb") as file:
        server = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=file, stderr=file)
    with server:
        try:
            yield f"127.0.0.1:{_port(log)}"
        finally:
            server.terminate()


def _port(log: Path) -> str:
    """Return the port that a registry says it has."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if match := re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text(errors="replace")):
            return match[1]
        time.sleep(0.02)
    pytest.fail(log.read_text(errors="replace"))


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a layout with an image `one`, and an index `two` for two platforms with an attestation."""
    blobs, folder = OciBlobs(), tmp_path_factory.mktemp("layout")
    arm = {"os": "linux", "architecture": "arm64"}
    one = blobs.add_image(SPEC, config={"config": {"WorkingDir": "/app", "Labels": {"a": "b"}}})
    two = blobs.add_index(
        {**one, "platform": {"os": "linux", "architecture": "amd64"}},
        blobs.add_image(ARM, config=arm, platform=arm),
        blobs.add_image(
            replace(ARM, labels={"x": "y"}),
            platform={"os": "unknown", "architecture": "unknown"},
            annotations={"vnd.docker.reference.type": "attestation-manifest"},
        ),
    )
    write(folder, blobs.files(one | named("one"), two | named("two")))
    return folder


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a layout."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.fixture(scope="module")
def data(layout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a registry that skopeo has filled."""
    folder, skopeo = tmp_path_factory.mktemp("registry"), needed("skopeo")
    copies = (["one", "x:one"], ["two", "deep/er/x:two", "--all"], ["one", "x:docker", "--format", "v2s2"])
    with running(folder) as host:
        for name, target, *options in copies:
            source, sink = f"oci:{layout}:{name}", f"docker://{host}/{target}"
            command = [skopeo, "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", *options, source, sink]
            subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(autouse=True)
def docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of Docker's configuration, which nobody has logged in with."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def log_in(docker: Path, host: str, password: str = PASSWORD) -> None:
    """Write what `docker login` writes."""
    auth = base64.b64encode(f"user:{password}".encode()).decode()
    (docker / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}), encoding="utf-8")


def anonymous(content: ImageContent) -> ImageContent:
    """Return an image without the name that it was asked for by."""
    return replace(content, reference="")


def test_the_same_as_in_the_layout(data: Path, layout: Path) -> None:
    """Whole images are equal, in OCI's form, in Docker's, and chosen by platform out of an index."""
    one = anonymous(read_layout(layout, "one"))
    assert one.diff_ids == SPEC.diff_ids
    assert one.working_dir == "/app"
    with running(data) as host:
        assert anonymous(client.read(f"{host}/x:one")) == one
        assert anonymous(client.read(f"{host}/x:docker")) == one
        for platform, spec in (("linux/amd64", SPEC), ("linux/arm64", ARM)):
            read = anonymous(client.read(f"{host}/deep/er/x:two", platform))
            assert read == anonymous(read_layout(layout, "two", platform))
            assert read.diff_ids == spec.diff_ids


def test_schema_1_and_its_way_out(tmp_path: Path) -> None:
    """A signed manifest of schema 1, with one empty layer twice, is refused; what is advised helps."""
    skopeo, here = [needed("skopeo"), "--insecure-policy", "copy", "-q"], f"oci:{tmp_path}/long:one"
    nothing = {"created_by": "ENV a=b", "empty_layer": True}
    spec = replace(SPEC, layers=SPEC.layers[:2], history=({"created_by": "ADD x"}, nothing, nothing, {}))
    blobs = OciBlobs()
    write(tmp_path / "long", blobs.files(blobs.add_image(spec) | named("one")))
    with running(tmp_path, compatibility={"schema1": {"enabled": True}}) as host:
        old = ["--dest-tls-verify=false", "--format", "v2s1", here, f"docker://{host}/x:old"]
        subprocess.run([*skopeo, *old], check=True, capture_output=True)
        asked = [needed("skopeo"), "inspect", "--raw", "--tls-verify=false", f"docker://{host}/x:old"]
        manifest = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)
        assert manifest["signatures"]
        assert [len(manifest["fsLayers"]), len({each["blobSum"] for each in manifest["fsLayers"]})] == [4, 3]
        assert ["throwaway" in json.loads(each["v1Compatibility"]) for each in manifest["history"]] == [
            False,
            True,
            True,
            False,
        ]
        with pytest.raises(UnreadableImage, match=r"schema 1, .* Copy it: `skopeo copy docker://HOST/NAME oci:FOLDER`"):
            client.read(f"{host}/x:old")
        way_out = ["--src-tls-verify=false", f"docker://{host}/x:old", f"oci:{tmp_path}/new"]
        subprocess.run([*skopeo, *way_out], check=True, capture_output=True)
    found = read_layout(tmp_path / "new")
    assert found.diff_ids == spec.diff_ids
    assert tuple((layer.shipped_bytes, layer.file_count) for layer in found.layers) == spec.figures


def test_by_digest(data: Path, layout: Path) -> None:
    """A manifest and an index are found by their digests."""
    index = json.loads((layout / "index.json").read_text())
    with running(data) as host:
        for described, name in zip(index["manifests"], ("x", "deep/er/x"), strict=True):
            read = client.read(f"{host}/{name}@{described['digest']}", "linux/amd64")
            assert read.diff_ids == SPEC.diff_ids


def test_what_is_not_there(data: Path) -> None:
    """The registry's own words say what is missing: a tag, a name, or a digest."""
    with running(data) as host:
        for name, said in (
            ("x:none", "manifest unknown"),
            ("none:1", "manifest unknown"),
            (f"x@sha256:{'0' * 64}", ""),
        ):
            with pytest.raises(NoSuchImage, match=f"{host} has no {name}.*{said}"):
                client.read(f"{host}/{name}")
        with pytest.raises(NoSuchImage, match="does not exist for linux/s390x, but for linux/amd64, linux/arm64"):
            client.read(f"{host}/deep/er/x:two", "linux/s390x")


def test_blob_that_was_damaged_on_its_disk(data: Path, layout: Path, tmp_path: Path) -> None:
    """The registry sends what it has; we see that it is something else, or that it is gone."""
    copy = shutil.copytree(data, tmp_path / "copy")
    digest = read_layout(layout, "one").blobs[0]
    assert digest
    hexadecimal = digest.digest.removeprefix("sha256:")
    (blob,) = copy.glob(f"data/docker/registry/v2/blobs/sha256/*/{hexadecimal}/data")
    whole = blob.read_bytes()
    changes = (
        (whole[:5] + b"x" + whole[6:], "its digest is sha256:"),
        (whole[:1000], "ends after 1000 of"),
        (b"", "lacks blob"),
    )
    for content, message in changes:
        blob.write_bytes(content)
        if not content:
            blob.unlink()
        with running(copy) as host, pytest.raises(UnreadableImage, match=message):
            client.read(f"{host}/x:one")


def test_name_and_password(data: Path, docker: Path, tmp_path: Path) -> None:
    """The registry's own check of passwords lets in who has logged in, and nobody else."""
    (tmp_path / "passwords").write_text(f"user:{HASH}\n")
    with running(data, {"htpasswd": {"realm": "here", "path": str(tmp_path / "passwords")}}) as host:
        with pytest.raises(UnreadableImage, match=r"requires a login for x:one\. Run `docker login"):
            client.read(f"{host}/x:one")
        log_in(docker, host, "wrong")
        with pytest.raises(UnreadableImage, match=r"without a login.* Run `docker login"):
            client.read(f"{host}/x:one")
        log_in(docker, host)
        assert client.read(f"{host}/x:one").diff_ids == SPEC.diff_ids


def test_token(data: Path, docker: Path, tmp_path: Path) -> None:
    """A token of a service that the registry trusts lets us in; the service gets the login, the registry the token."""
    openssl, key, certificate = needed("openssl"), tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=issuer"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)

    def signed(scope: str) -> str:
        """Return a JSON web token as the Distribution project's token implementation has it."""
        kind, name, actions = scope.split(":")
        access = [{"type": kind, "name": name, "actions": actions.split(",")}]
        now, chain = int(time.time()), "".join(certificate.read_text().splitlines()[1:-1])
        times = {"iat": now, "nbf": now - 9, "exp": now + 60}
        claims = {"iss": "issuer", "aud": "us", "sub": "user", "jti": "1", "access": access, **times}
        parts = [
            _encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT", "x5c": [chain]}, claims)
        ]
        text = ".".join(parts).encode()
        sign = [openssl, "dgst", "-sha256", "-sign", str(key)]
        return f"{text.decode()}.{_encoded(subprocess.run(sign, input=text, check=True, capture_output=True).stdout)}"

    def give(handler: Handler) -> bool:
        scope = re.search(r"scope=([^&]+)", handler.path)
        if not scope or "Basic" not in handler.headers.get("Authorization", ""):
            return handler.send(401)
        return handler.send(200, json.dumps({"token": signed(scope[1].replace("%3A", ":"))}).encode())

    with Registry(intercept=give) as service:
        trusted = {"realm": f"http://{service.host}/auth", "service": "us", "issuer": "issuer"}
        with running(data, {"token": {**trusted, "rootcertbundle": str(certificate)}}) as host:
            with pytest.raises(UnreadableImage, match="refuses a token for x:one without a login"):
                client.read(f"{host}/x:one")
            log_in(docker, host)
            assert client.read(f"{host}/x:one").diff_ids == SPEC.diff_ids


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
