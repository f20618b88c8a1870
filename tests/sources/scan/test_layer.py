"""What is found in a layer's archive, by path, by mode and by content, and kept by its diff ID."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.modes import File, archive, elf, folder, kinds, look
from tests.test_secret_detection import ISSUED, KEY
from weighbridge.cache import Cache
from weighbridge.image.layer import FILE
from weighbridge.sources.scan import elf as machines
from weighbridge.sources.scan import layer, paths
from weighbridge.sources.scan.layer import Exposure, Exposures
from weighbridge.sources.tar.headers import Header
from weighbridge.sources.tar.layer import read_layer, watch_layer

TOKEN = f"key = '{ISSUED['a GitHub token']}'".encode()


def detail(path: str, data: bytes) -> str:
    """Return what secret is found in a file, if any is."""
    return next((spot.detail for spot in look(File(path=path, data=data)).spots if spot.kind == "secret"), "")


SECRETS = (
    ("app/settings.py", TOKEN, "a GitHub token"),
    ("usr/src/app/key.pem", KEY.encode(), "a private key"),
    ("etc/ssl/private/server.key", KEY.encode(), "a private key"),
    ("root/.ssh/id_ed25519", b"anything", "an SSH key"),
    ("root/.ssh/id_rsa", b"anything", "an SSH key"),
    ("root/.ssh/id_dsa", b"anything", "an SSH key"),
    ("root/.ssh/id_ecdsa", b"anything", "an SSH key"),
    ("root/_netrc", b"machine host login me password hunter2", "passwords for hosts"),
    ("root/.my.cnf", b"[client]\npassword = hunter2\n", "a MySQL password"),
    ("root/.npmrc", b"//host/:_authToken=hunter2\n", "a token for a package registry"),
    ("root/.dockercfg", b'{"host": {"auth": "bWU6"}}', "a password for an image registry"),
    ("root/.kube/config", b"users:\n- user:\n    token: hunter2\n", "a key for a cluster"),
    ("root/.netrc", b"machine host login me password hunter2", "passwords for hosts"),
    ("root/.pgpass", b"# host:port\nhost:5432:db:me:hunter2\n", "a PostgreSQL password"),
    ("root/.git-credentials", b"https://me:hunter2@host\n", "a password for Git"),
    ("root/.pypirc", b"[pypi]\nusername = me\npassword = hunter2\n", "a password for a package index"),
    ("root/.docker/config.json", b'{"auths": {"host": {"auth": "bWU6"}}}', "a password for an image registry"),
    ("root/.aws/credentials", b"[default]\naws_secret_access_key = abc\n", "an AWS secret key"),
    ("etc/pip.conf", b"[global]\nindex-url = https://me:hunter2@host/simple\n", "a password inside a URL"),
    ("app/.git/config", b"\turl = https://me:hunter2@host/app\n", "a password inside a URL"),
)


@pytest.mark.parametrize("maker", [[sys.executable, "-m", "venv", "--without-pip"], ["uv", "venv", "--quiet"]])
def test_environment_that_was_made_elsewhere(tmp_path: Path, maker: list[str]) -> None:
    """The script of a real environment tells where it was made; at that place it is no hit."""
    if not shutil.which(maker[0]):
        pytest.skip(f"{maker[0]} is not here")
    made = tmp_path / "made"
    subprocess.run([*maker, made], check=True)
    data = (made / "bin/activate").read_bytes()
    found = look(File(path="app/.venv/bin/activate", data=data), File(path=f"{made}/bin/activate"[1:], data=data)).spots
    assert [(spot.kind, spot.path, spot.detail) for spot in found] == [
        ("tool-file", "app/.venv/bin/activate", str(made))
    ]


def test_every_file_made_for_credentials_is_tried() -> None:
    """Each file of the table is among those with a secret."""
    tried = {key for path, *_ in SECRETS for key in paths._make_keys(path)}
    assert paths._CREDENTIALS.keys() <= tried


@pytest.mark.parametrize(("path", "data", "words"), SECRETS)
def test_secret(path: str, data: bytes, words: str) -> None:
    """A secret is described in words, and nothing of its value is kept."""
    assert detail(path, data) == words
    assert "hunter2" not in str(look(File(path=path, data=data)).export_document())


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("app/settings.py", b"SECRET_KEY = os.environ['SECRET_KEY']\n"),
        ("venv/lib/python3.13/site-packages/trustme/key.pem", KEY.encode()),
        ("usr/local/lib/python3.13/test/certdata/keycert.pem", KEY.encode()),
        ("usr/lib/python3/dist-packages/x.py", TOKEN),
        ("usr/share/doc/example", TOKEN),
        ("etc/ssl/certs/ca.pem", KEY.encode()),
        ("app/libx.so", elf(62) + TOKEN),
        ("app/large", TOKEN + bytes(layer.MAX_SECRET_BYTES)),
        ("root/.ssh/id_rsa", b"\n"),
        ("root/.ssh/id_rsa.pub", b"ssh-rsa AAAA"),
        ("root/.netrc", b"machine host login me\n"),
        ("root/.pypirc", b"[pypi]\nusername = me\n"),
        ("root/.docker/config.json", b'{"auths": {}}'),
        ("app/config.json", b'{"auth": "basic"}'),
        ("etc/pip.conf", b"[global]\nindex-url = https://$USER:$PASSWORD@host/simple\n"),
        ("app/README", b"postgres://me:hunter2@host, as an example\n"),
        ("app/empty", b""),
    ],
)
def test_no_secret(path: str, data: bytes) -> None:
    """What anybody can have, what is empty, no credential, or too large to be one."""
    assert detail(path, data) == ""


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (0o4755, "setuid, mode 4755, owner 0:42"),
        (0o2755, "setgid, mode 2755, owner 0:42"),
        (0o6711, "setuid and setgid, mode 6711, owner 0:42"),
    ],
)
def test_setuid(mode: int, words: str) -> None:
    """Of regular files alone: a folder's bit only hands its group on, and a further name is no further file."""
    link = File(path="b", mode=mode, type=tarfile.LNKTYPE, target="a")
    found = look(File(path="a", mode=mode, gid=42), folder("c", mode), link).spots
    assert [(spot.path, spot.detail) for spot in found] == [("a", words)]


@pytest.mark.parametrize(
    ("file", "found"),
    [
        (File(path="app/a.py", uid=7), True),
        (File(path="app/a.py", uid=7, mode=0o444), False),
        (File(path="app/a.py", gid=7, mode=0o664), True),
        (File(path="app/a.py", mode=0o664), True),  # by the members of root's group, which an image's user may be
        (File(path="app/a.py", mode=0o646), True),
        (File(path="app/a.py"), False),
        (File(path="app/a.so.1", uid=7), True),
        (File(path="app/start", uid=7, mode=0o755), True),
        (File(path="data/a.db", uid=7), False),
        (folder("app", uid=7), True),
        (folder("app"), False),
        (folder("tmp", 0o1777), False),
        (folder("tmp", 0o1777, uid=7), True),
    ],
)
def test_writable(file: File, found: bool) -> None:  # noqa: FBT001 - the expected value
    """Code, what can be run and folders are kept where anybody besides root may write them, with owner and mode."""
    spots = look(file).spots
    assert [(spot.kind, spot.uid, spot.gid, spot.mode) for spot in spots] == [
        ("writable", file.uid, file.gid, file.mode)
    ] * found


def test_large_programs_are_not_read_whole() -> None:
    """Of a program of many megabytes the head is enough, and what is no program and large is not looked at."""
    wanted = [
        Exposure().see(0, path, header)
        for path, header in (
            ("usr/bin/x", _header(mode=0o755, size=2**30)),
            ("app/x.so", _header(mode=0o644, size=2**30)),
            ("app/data", _header(mode=0o644, size=2**30)),
            ("app/small", _header(mode=0o644, size=9)),
            ("usr/lib/small", _header(mode=0o644, size=9)),
        )
    ]
    assert wanted == [machines.HEAD_BYTES, machines.HEAD_BYTES, 0, 9, 0]


def test_many_writable_files() -> None:
    """A `chown -R` of 20,000 files takes little time and space; the result marks the cut and keeps other owners."""
    found, began = Exposure(), time.process_time()
    for index in range(20_000):
        found.see(index, f"app/{index}.py", _header(mode=0o644, size=9, uid=7))
    found.see(20_000, "app/other.py", _header(mode=0o644, size=9, uid=8))
    assert time.process_time() - began < 2
    assert len(found.spots) == layer.MOST + 1
    assert found.spots[-1].uid == 8
    assert found.cut == {"writable"}


def test_users() -> None:
    """The image's own users come with their groups, by number and by name; damaged lines are passed over."""
    data = b"root:x:0:0:root:/root:/bin/bash\nnonsense\napp:x:10001:7::/tmp:\nb:x:-1:2::\n"
    assert look(File(path="etc/passwd", data=data)).users == {"root": 0, "0": 0, "app": 7, "10001": 7}
    assert look(File(path="app/etc/passwd", data=data)).users is None


def test_whiteouts_are_nothing() -> None:
    """A marker has no mode and no content of its own."""
    assert kinds(File(path="usr/bin/.wh.cc", mode=0o4777), File(path="app/.wh..env")) == []


def test_watching_changes_nothing() -> None:
    """A layer that is looked at while it is read is the same layer, and the same is found as when only looking."""
    data = archive(
        File(path="app/.env", data=b"A=b\n"), File(path="a", data=bytes(400_000)), File(path="k", data=TOKEN)
    )
    found, again = Exposure(), Exposure()
    watched = read_layer(io.BytesIO(data), data[:512], watch=found)
    watch_layer(io.BytesIO(data), data[:512], again)
    assert watched == read_layer(io.BytesIO(data), data[:512])
    assert found.export_document() == again.export_document()
    assert [spot.at for spot in found.spots] == [0, 2]


def test_kept(tmp_path: Path) -> None:
    """What was found in a layer is found again, odd paths included; what somebody wrote there is read anew."""
    first = look(File(path="app/\udcff/.env", data=b"A=b"), File(path="etc/passwd", data=b"a:x:7:8:::"))
    Exposures(Cache(tmp_path)).keep("sha256:a", first)
    second = Exposures(Cache(tmp_path))
    assert second.has("sha256:a")
    assert second.get_exposure("sha256:a").export_document() == first.export_document()
    assert not second.has("sha256:b")


SPOT = ["env-file", "a", 0, FILE, "", 0, 0, 0]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"spots": 7, "cut": [], "users": None},
        {"spots": [[*SPOT[:-1], "x"]], "cut": [], "users": None},
        {"spots": [["other", *SPOT[1:]]], "cut": [], "users": None},
        {"spots": [["env-file", "a", -1, *SPOT[3:]]], "cut": [], "users": None},
        {"spots": [[["env-file"], *SPOT[1:]]], "cut": [], "users": None},
        {"spots": [SPOT * 2], "cut": [], "users": None},
        {"spots": [SPOT], "cut": None, "users": None},
        {"spots": [SPOT], "cut": [], "users": {"a": "b"}},
        {"spots": [SPOT], "cut": [], "users": []},
    ],
)
def test_damaged_documents(tmp_path: Path, document: dict[str, object]) -> None:
    """A cached document of another form is treated as missing."""
    Cache(tmp_path).keep_document(f"exposure-{layer.compute_version()}-sha256:a", document)
    assert not Exposures(Cache(tmp_path)).has("sha256:a")


NAMES = st.sampled_from(
    ["usr", "bin", ".git", ".env", "cc", "lib", "python3.13", ".cache", "pip", "test_a.py", "a.so", ""]
)
PATHS = st.lists(st.one_of(NAMES, st.text(max_size=5)), max_size=6).map("/".join)


@given(PATHS, st.binary(max_size=60), st.integers(0, 0o7777), st.integers(0, 2**31), st.integers(0, 5))
def test_anything(path: str, data: bytes, mode: int, uid: int, kind: int) -> None:
    """Whatever comes, nothing is raised, and all that is found can be kept."""
    found = Exposure()
    wanted = found.see(0, path, _header(mode=mode, size=len(data), uid=uid, kind=kind))
    if wanted:
        found.look(data[:wanted])
    assert paths.find_kinds(path, 0) == tuple(each for each in paths.find_kinds(path, 1) if each != "package-cache")
    kept = layer._parse(json.loads(json.dumps(found.export_document())))
    assert kept
    assert kept.export_document() == found.export_document()


def _header(*, mode: int, size: int, uid: int = 0, kind: int = FILE) -> Header:
    return Header("", b"0", kind, size, size, "", mode, uid, 0, 0)
