"""The service over HTTP, by a real server; what needs Redis or PostgreSQL is in test_worker.py."""

from __future__ import annotations

import json
import logging
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr
from redis import Redis

from backend import service
from backend.bodies import MAX_BODY_BYTES
from backend.settings import Settings
from backend.store import Store

ROOT = Path(__file__).parents[2]
UNKNOWN = "0" * 64
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
FIELDS = ["format", "recorded_at", "commit", "dirty", "engine", "images", "unknown"]
IMAGE_FIELDS = ["variant", "shipped_bytes", "file_count", "base", "layers", "unknown"]


@pytest.fixture(scope="module")
def client(serving: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Yield a client of one service for all tests here; none may depend on an empty one."""
    path = tmp_path_factory.mktemp("api") / "reports.db"
    with serving(Settings(database_url=f"sqlite:///{path}", redis_url="redis://127.0.0.1:1/0")) as client:
        yield client


def _post(client: httpx.Client, content: Any, path: str = "/v1/reports", **options: Any) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post(path, content=body, **options)


def test_a_report_is_created_once_and_found_by_its_location(client: httpx.Client, record: Any) -> None:
    """201, then 200, one id, and what comes back is what was posted."""
    posted = record(commit="location", later={"field": [1.5, None]})
    first, second = _post(client, posted), _post(client, posted)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert posted == client.get(first.headers["location"]).json()


def test_the_same_report_at_the_same_instant_is_created_once(client: httpx.Client, record: Any) -> None:
    """Eight at once: one 201, seven 200, no error."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: _post(client, record(commit="race")), range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]


def test_the_list_is_paged_and_by_variant(client: httpx.Client, record: Any) -> None:
    """`next` leads on until it is null."""
    for day in (1, 2, 3):
        _post(client, record(recorded_at=f"2026-11-0{day}T00:00:00Z", image={"variant": "paged"}))
    first = client.get("/v1/reports", params={"variant": "paged", "limit": 2}).json()
    last = client.get("/v1/reports", params={"variant": "paged", "limit": 2, "cursor": first["next"]}).json()
    times = [item["recorded_at"][:10] for item in first["items"] + last["items"]]

    assert (times, last["next"]) == (["2026-11-03", "2026-11-02", "2026-11-01"], None)
    assert {"id", "recorded_at", "commit", "dirty", "variants"} == first["items"][0].keys()
    assert first["items"][0]["variants"] == [{"variant": "paged", "shipped_bytes": 100}]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("variant=%00", "variant"),
    ],
)
def test_a_wrong_query_is_told_by_name(client: httpx.Client, query: str, field: str) -> None:
    """422, with the parameter in `detail`."""
    answer = client.get(f"/v1/reports?{query}")

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{field}: ")


@pytest.mark.parametrize("path", ["reports", "comparisons"])
@pytest.mark.parametrize("name", [UNKNOWN, "x", "%00", "%ff", "a" * 5000])
def test_what_is_not_there_is_404(client: httpx.Client, path: str, name: str) -> None:
    """Whatever the name looks like."""
    answer = client.get(f"/v1/{path}/{name}")

    assert (answer.status_code, list(answer.json())) == (404, ["detail"])


def test_a_comparison_names_what_it_cannot_find(client: httpx.Client, record: Any) -> None:
    """404 names the unknown report, 422 the wrong field."""
    known = _post(client, record()).json()["id"]
    missing = _post(client, {"before": known, "after": UNKNOWN}, "/v1/comparisons")
    wrong = _post(client, {"before": known, "after": 5}, "/v1/comparisons")

    assert (404, f"after: there is no report {UNKNOWN}") == (missing.status_code, missing.json()["detail"])
    assert (wrong.status_code, wrong.json()["detail"].startswith("after: ")) == (422, True)


def _compare(client: httpx.Client, record: Any) -> tuple[httpx.Response, float]:
    ids = [_post(client, record(commit=name)).json()["id"] for name in ("one", "two")]
    started = time.monotonic()
    answer = _post(client, dict(zip(("before", "after"), ids, strict=True)), "/v1/comparisons")
    return answer, time.monotonic() - started


def test_a_deleted_report_is_gone_with_its_comparisons(serving: Any, settings: Settings, record: Any) -> None:
    """204, then 404 for the report, for what compared it, and for a second DELETE; it can be posted anew."""
    store = Store(settings.database_url)
    with serving(settings) as client:
        [kept, gone] = [_post(client, record(commit=name)).json()["id"] for name in ("kept", "gone")]
        opened = store.open_comparison("c" * 64, kept, gone)
        deleted = client.delete(f"/v1/reports/{gone}")
        missing = [
            client.get(f"/v1/reports/{gone}"),
            client.get(f"/v1/comparisons/{opened.id}"),
            client.delete(f"/v1/reports/{gone}"),
            client.delete("/v1/reports/none"),
        ]
        listed = [each["id"] for each in client.get("/v1/reports").json()["items"]]
        again = _post(client, record(commit="gone"))
    store.close()

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [answer.status_code for answer in missing] == [404] * 4
    assert (listed, again.status_code) == ([kept], 201)


def test_a_delete_needs_a_token_for_it(serving: Any, settings: Settings, record: Any) -> None:
    """Whoever may only write may not delete."""
    tokens = {"write_tokens": SecretStr("writes"), "admin_tokens": SecretStr("deletes")}
    with serving(settings.model_copy(update=tokens)) as client:
        report = _post(client, record(), headers={"Authorization": "Bearer writes"}).json()["id"]
        said = [
            client.delete(
                f"/v1/reports/{report}", headers={"Authorization": f"Bearer {token}"} if token else {}
            ).status_code
            for token in ("", "writes", "deletes")
        ]
        gone = client.get(f"/v1/reports/{report}").status_code

    assert (said, gone) == ([401, 403, 204], 404)


def test_without_a_broker_a_comparison_is_503_and_not_left_pending(client: httpx.Client, record: Any) -> None:
    """If the queue does not answer, the API answers 503 at once, with a Retry-After."""
    answer, seconds = _compare(client, record)

    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
    assert "queue does not answer" in answer.json()["detail"]
    assert seconds < 3


@pytest.mark.services  # it waits for every time limit
def test_a_broker_that_is_silent_is_503_in_time(serving: Any, tmp_path: Path, record: Any) -> None:
    """Something accepts connections and never answers: a hung Redis, or a firewall."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with serving(Settings(database_url=f"sqlite:///{tmp_path}/x.db", redis_url=url)) as client:
            answer, seconds = _compare(client, record)
            started = time.monotonic()
            readiness = client.get("/readyz")
            ready_seconds = time.monotonic() - started

    assert (answer.status_code, readiness.status_code) == (503, 503)
    assert (seconds < 3, ready_seconds < 2) == (True, True)
    assert {"database": "ok"}.items() <= readiness.json()["checks"].items()


def test_the_probes_tell_apart_what_lives_and_what_is_ready(client: httpx.Client) -> None:
    """Without Redis the API is alive and not ready, and says why by name."""
    readiness = client.get("/readyz")

    assert client.get("/livez").status_code == 200
    assert readiness.status_code == 503
    assert readiness.json() == {"ready": False, "checks": {"redis": "does not answer", "database": "ok"}}
    assert client.get("/version").json() == {"version": None, "revision": None, "created": None}


@pytest.mark.services
def test_a_redis_that_takes_no_messages_is_not_ready(
    serving: Any, settings: Settings, running_redis: Any, free_port_of: Any, tmp_path: Path
) -> None:
    """It answers a PING, but whoever asks for a comparison would get 503."""
    url = f"redis://127.0.0.1:{(port := free_port_of())}/0"
    with (
        running_redis(port, tmp_path),
        Redis.from_url(url) as redis,
        serving(settings.model_copy(update={"redis_url": url})) as client,
    ):
        told = [client.get("/readyz").json()["checks"]["redis"]]
        redis.config_set("maxmemory", 1)
        told.append(client.get("/readyz").json()["checks"]["redis"])
        redis.config_set("maxmemory", 0)
        redis.replicaof("127.0.0.1", 1)
        told.append(client.get("/readyz").json()["checks"]["redis"])
        redis.replicaof("NO", "ONE")
        told.append(client.get("/readyz").json()["checks"]["redis"])

    assert told == ["ok", "takes no messages", "takes no messages", "ok"]


def test_a_probe_by_head_answers_as_by_get(client: httpx.Client) -> None:
    """Load balancers ask so, and want no body."""
    answers = [client.head("/livez"), client.head("/readyz")]

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b""), (503, b"")]


def test_what_is_not_ready_is_logged_once_with_its_cause(
    serving: Any, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Probes come every few seconds; the log tells changes."""
    caplog.set_level(logging.INFO, "backend")
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    with serving(settings) as client:
        client.get("/readyz")
        Path(f"{path}-journal").mkdir()
        answers = [client.get("/readyz").json()["checks"]["database"] for _ in range(3)]
        Path(f"{path}-journal").rmdir()
        answers.append(client.get("/readyz").json()["checks"]["database"])
    told = [record.getMessage() for record in caplog.records if record.name == "backend.probes"]

    assert answers == ["does not answer"] * 3 + ["ok"]
    assert len(told) == 3
    assert told[0].startswith("not ready: redis does not answer: ")
    assert told[1:] == [
        "not ready: database does not answer: OperationalError: disk I/O error",
        "ready again: database",
    ]


def test_an_open_service_says_so(serving: Any, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """One warning at the start where anyone may write, none with a token."""
    told = []
    for chosen in (settings, settings.model_copy(update={"api_token": SecretStr("token")})):
        caplog.clear()
        with serving(chosen):
            told.append([record.levelname for record in caplog.records if "API_TOKEN" in record.getMessage()])

    assert told == [["WARNING"], []]


def test_a_service_that_is_away_is_one_line_of_log(
    client: httpx.Client, record: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The line has the cause and no traceback."""
    _compare(client, record)
    told = [record for record in caplog.records if record.name == "backend.application"]

    assert [entry.exc_info for entry in told] == [None]
    assert told[0].getMessage().startswith("POST /v1/comparisons: ")
    assert "Connection refused" in told[0].getMessage()


def test_without_a_database_every_route_is_503(serving: Any, tmp_path: Path, record: Any) -> None:
    """All but the probes say in one shape that the database is away."""
    with serving(Settings(database_url=f"sqlite:///{tmp_path}/none/x.db", redis_url="redis://127.0.0.1:1/0")) as client:
        answers = [
            _post(client, record()),
            client.get("/v1/reports"),
            client.get(f"/v1/reports/{UNKNOWN}"),
            _post(client, {"before": UNKNOWN, "after": UNKNOWN}, "/v1/comparisons"),
            client.get(f"/v1/comparisons/{UNKNOWN}"),
        ]
        alive = client.get("/livez")

    assert [answer.status_code for answer in answers] == [503] * 5
    assert {"The database does not answer or cannot be written to. Try again later."} == {
        answer.json()["detail"] for answer in answers
    }
    assert alive.status_code == 200


def test_a_token_guards_every_write(serving: Any, tmp_path: Path, record: Any) -> None:
    """Without it, or with wrong or non-ASCII bytes: 401, before the body is looked at. Reads are open."""
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/x.db", redis_url="redis://127.0.0.1:1/0", api_token=SecretStr("tokénà")
    )
    wrong = [
        {},
        {"Authorization": b"Bearer no"},
        {"Authorization": b"Basic tok\xc3\xa9n"},
        {"Authorization": b"Bearer \xff"},
    ]
    with serving(settings) as client:
        refused = [
            _post(client, b"no JSON", path, headers=headers)
            for headers in wrong
            for path in ("/v1/reports", "/v1/comparisons")
        ]
        accepted = _post(client, record(), headers={"Authorization": b"bearer tok\xc3\xa9n\xc3\xa0"})
        listed = client.get("/v1/reports")

    assert {(401, "Bearer")} == {(answer.status_code, answer.headers["www-authenticate"]) for answer in refused}
    assert (accepted.status_code, listed.status_code) == (201, 200)


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, MAX_BODY_BYTES + 5_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_413(client: httpx.Client, size: int, *, chunked: bool) -> None:
    """By Content-Length or by the chunk; the connection does not break before the answer is read."""
    chunks = (b" " * 50_000 for _ in range(size // 50_000 + 1))
    answer = client.post("/v1/reports", content=chunks if chunked else b" " * size)

    assert (answer.status_code, list(answer.json())) == (413, ["detail"])


def test_a_body_of_the_limit_is_read(client: httpx.Client, record: Any) -> None:
    """The limit itself is within the limit."""
    body = json.dumps(record(commit="limit")).encode()

    assert _post(client, body + b" " * (MAX_BODY_BYTES - len(body))).status_code == 201


def test_a_flood_is_cut_off(client: httpx.Client) -> None:
    """An endless body is answered and not read for ever."""
    host, port = client.base_url.host, client.base_url.port
    head = b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    sent = 0
    with socket.create_connection((host, port or 80), 10) as connection:
        connection.sendall(head)
        try:
            while sent < 20 * MAX_BODY_BYTES:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass

    assert sent < 4 * MAX_BODY_BYTES


def test_endless_headers_are_cut_off(client: httpx.Client) -> None:
    """A head beyond a few kilobytes is answered 4xx, and the server stops reading."""
    sent, answer = 0, b""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), 10) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        try:
            while sent < 20_000_000 and not answer:
                connection.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")
                sent += 1012
                if sent > 200_000:
                    answer = connection.recv(100)
        except OSError:
            answer = answer or b"HTTP/1.1 4xx, lost to the reset"

    assert answer.startswith(b"HTTP/1.1 4")
    assert sent < 1_000_000


def test_the_image_has_no_server_without_a_limit_of_heads() -> None:
    """Where httptools is installed, uvicorn takes it; what is baked is what runs."""
    assert "httptools" not in (ROOT / "backend/requirements.txt").read_text(encoding="utf-8")
    assert "uvicorn.protocols.http.h11_impl" in (ROOT / "backend/image/bake.py").read_text(encoding="utf-8")


def test_a_client_that_leaves_is_no_error(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """Half a body and a closed connection: nothing at ERROR, and the service goes on."""
    for _ in range(3):
        with socket.create_connection((client.base_url.host, client.base_url.port or 80), 10) as connection:
            connection.sendall(
                b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n" + b" " * 500_000
            )
    time.sleep(0.2)

    assert client.get("/livez").status_code == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.services  # a process of its own, to see its memory
def test_memory_is_bounded(start: Any, settings: Settings, record: Any, free_port_of: Any, wait_for: Any) -> None:
    """What killed a container of 512 MB: two bodies of nothing but objects, ten readers of one large comparison."""
    port = free_port_of()
    url = settings.database_url
    server = start("api", "uvicorn", "backend.main:app", "--port", str(port), env={"DATABASE_URL": url})
    wait_for(port)
    layer = record()["images"][0]["layers"][0]
    images = [
        record(
            image={"variant": str(number), "layers": [layer | {"instruction": "\N{PILE OF POO}" + "x" * 120}] * 990}
        )["images"][0]
        for number in range(30)
    ]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client, ThreadPoolExecutor(10) as threads:
        objects = json.dumps(record(x="@")).encode().replace(b'"@"', b"[" + b"{}," * 499_000 + b"{}]")
        posted = list(threads.map(lambda _: _post(client, objects).status_code, range(4)))
        too_many = objects.replace(b"{},", b"{}," * 6)
        refused = list(threads.map(lambda _: _post(client, too_many).status_code, range(4)))
        ids = [_post(client, record(commit=name, images=images)).json()["id"] for name in ("one", "two")]
        store = Store(url)
        opened = store.open_comparison("c" * 64, *ids)
        service.run_comparison(store, opened.id)
        store.close()
        read = list(threads.map(lambda _: client.get(f"/v1/comparisons/{opened.id}"), range(10)))
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())[1]) // 1024  # type: ignore[index]

    assert (set(posted), set(refused)) == ({200, 201}, {422})
    assert len({answer.content for answer in read}) == 1
    assert [variant["delta_bytes"] for variant in read[0].json()["difference"]] == [0] * 30
    assert peak < 400


@pytest.mark.parametrize(
    "part", [b"NaN", b"-Infinity", b"1e400", b'"\\u0000"', b'"\\ud800"', b"[" * 50_000 + b"]" * 50_000, b"1" * 5000]
)
def test_what_cannot_be_kept_is_422(client: httpx.Client, record: Any, part: bytes) -> None:
    """JSON that Python reads and a database or another reader does not."""
    answer = _post(client, json.dumps(record(unknown="@")).encode().replace(b'"@"', part))

    assert (answer.status_code, list(answer.json())) == (422, ["detail"])


def test_a_huge_integer_in_an_unknown_field_comes_back_whole(client: httpx.Client, record: Any) -> None:
    """Later versions may count beyond 64 bits."""
    posted = record(unknown=2**200)

    assert posted == client.get(_post(client, posted).headers["location"]).json()


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_body_is_a_crash(client: httpx.Client, record: Any, data: st.DataObject) -> None:
    """Arbitrary bytes, JSON, or a record with arbitrary JSON in its fields: accepted or refused, never 5xx."""
    anything = st.dictionaries(st.sampled_from(FIELDS), JSON)
    image = st.dictionaries(st.sampled_from(IMAGE_FIELDS), JSON)
    records = st.builds(lambda fields, part: record() | fields if fields else record(image=part), anything, image)
    body = data.draw(st.binary(max_size=50) | JSON | records)
    path = data.draw(st.sampled_from(["/v1/reports", "/v1/comparisons"]))

    assert _post(client, body, path).status_code in {200, 201, 404, 422}


def test_the_interface_describes_itself(client: httpx.Client) -> None:
    """Every route has a description, and every reference leads somewhere."""
    text = client.get("/openapi.json").text
    described = json.loads(text)
    operations = {(path, verb): what for path, verbs in described["paths"].items() for verb, what in verbs.items()}
    names = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}

    assert all(operation.get("description") for operation in operations.values())
    assert names <= described["components"]["schemas"].keys()
    assert {
        "/v1/reports",
        "/v1/reports/{report_id}",
        "/v1/comparisons",
        "/v1/comparisons/{comparison_id}",
    } <= described["paths"].keys()
    assert "requestBody" in operations["/v1/reports", "post"]


def test_every_error_has_one_shape(client: httpx.Client) -> None:
    """Also those that the framework makes."""
    answers = [client.get("/nothing"), client.delete("/v1/reports"), _post(client, b"")]

    assert [answer.status_code for answer in answers] == [404, 405, 422]
    assert [list(answer.json()) for answer in answers] == [["detail"]] * 3
