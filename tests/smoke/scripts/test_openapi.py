"""The script that sends a GET to every path of an OpenAPI document, against a real FastAPI application and others."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from datetime import date
from http.client import HTTPConnection
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI, Header, HTTPException, Path, Query
from fastapi.responses import StreamingResponse
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.support.scripts import Receive, Scope, Send, answer, free_port, run, serving
from weighbridge.smoke.scripts import openapi

router = APIRouter()


class Thing(BaseModel):
    """A thing that the application stores."""

    name: str


@router.get("/things/{thing}")
def thing_of(thing: UUID, on: date, limit: Annotated[int, Query(ge=5)], size: Literal["l", "m"]) -> Thing:
    """Need a UUID, a date, a number with a bound and one of several words."""
    return Thing(name=f"{thing} {on} {limit} {size}")


@router.get("/long/{word}")
def word_of(word: Annotated[str, Path(min_length=3)], x_token: Annotated[str, Header()], optional: int = 1) -> Thing:
    """Need a long word and a header."""
    return Thing(name=word + x_token + str(optional))


@router.get("/example/{key}")
def example_of(key: Annotated[int, Path(examples=[42])]) -> Thing:
    """Know one thing alone."""
    if key != 42:
        raise HTTPException(404)
    return Thing(name="the answer")


@router.get("/broken")
def broken() -> Thing:
    """Fail."""
    raise HTTPException(500)


@router.get("/events")
async def events() -> StreamingResponse:
    """Never end, and say at once that it is so."""
    return StreamingResponse(ticks(), media_type="text/event-stream")


@router.get("/stream")
async def stream() -> StreamingResponse:
    """Never end."""
    return StreamingResponse(ticks(), media_type="text/plain")


@router.get("/hangs")
async def hangs() -> None:
    """Never begin."""
    await asyncio.sleep(60)


@router.post("/things")
def post() -> None:
    """Be no GET."""
    pytest.fail("was called")


async def ticks() -> AsyncIterator[str]:
    """Yield a line now and then."""
    while True:
        yield "data: x\n\n"
        await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Return the port of the application."""
    app = FastAPI()
    app.include_router(router)
    app.openapi()  # made once, on the first request, which takes its time
    with serving(app) as found:  # type: ignore[arg-type] # Starlette's own types for the same callables
        yield found


def ask(port: int, seconds: float = 20, **headers: str) -> dict[str, Any]:
    """Return what the script prints."""
    return openapi.ask_all(host="127.0.0.1", port=port, path="/openapi.json", headers=headers, seconds=seconds)


def test_fastapi(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each GET is sent with what its operation requires, and its status printed; streams and silence do not block."""
    monkeypatch.setattr(openapi, "_PATH_SECONDS", 0.4)
    before, told = time.monotonic(), ask(port)
    assert time.monotonic() - before < 5
    assert (told["openapi"][:2], told["paths"]) == ("3.", 8)
    gets = {each["path"]: each for each in told["gets"]}
    assert gets["/things/{thing}"]["status"] == 200
    assert gets["/long/{word}"] == {"path": "/long/{word}", "url": "/long/000", "status": 200}
    assert gets["/example/{key}"] == {"path": "/example/{key}", "url": "/example/42", "status": 200}
    assert gets["/broken"]["status"] == 500
    assert gets["/events"]["status"] == gets["/stream"]["status"] == 200
    assert gets["/hangs"] == {"path": "/hangs", "url": "/hangs", "error": "got no answer within 0.4 s", "late": True}
    assert len(gets) == 7


def test_time_is_up(port: int) -> None:
    """GETs that could not be sent in time are reported as such."""
    told = ask(port, 0.3)
    assert told["gets"][-1]["error"] == "was not sent: the time was up"


class Canned:
    """A server that serves a document, and answers any other path with the status in that path."""

    def __init__(self, document: object) -> None:
        self.document = document
        self.status = 200
        self.seen: list[dict[bytes, bytes]] = []

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        self.seen.append(dict(scope["headers"]))
        if scope["path"] == "/openapi.json":
            text = self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()
            await answer(send, self.status, text)
        elif scope["path"] == "/half":
            headers = [(b"content-length", b"99")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"x"})
        else:
            await answer(send, 204)


@pytest.fixture(scope="module")
def canned() -> Iterator[tuple[Canned, int]]:
    """Return a server whose document can be changed, and its port."""
    app = Canned({})
    with serving(app) as found:
        yield app, found


@pytest.mark.parametrize(
    ("document", "status", "error"),
    [
        ({}, 404, "GET /openapi.json answered 404"),
        (b"<html>", 200, "the answer to GET /openapi.json is no JSON"),
        (b"[" * 100_000, 200, "the answer to GET /openapi.json is no JSON"),
        ({"swagger": "2.0"}, 200, "the answer to GET /openapi.json is no OpenAPI 3 document: its `openapi` is no 3.x"),
        ([], 200, "the answer to GET /openapi.json is no OpenAPI 3 document: its `openapi` is no 3.x"),
    ],
)
def test_no_document(canned: tuple[Canned, int], document: object, status: int, error: str) -> None:
    """An answer that is no OpenAPI 3 document is an error in words."""
    app, port = canned
    app.document, app.status = document, status
    assert ask(port) == {"error": error, **({"status": status} if status != 200 else {})}


def test_nobody_there() -> None:
    """An API that does not answer is an error in words."""
    assert re.match("GET /openapi.json got no answer: .*refused", str(ask(free_port())["error"]))


def test_whole_output() -> None:
    """The given headers are sent with each request, and override the document's; half an answer counts as none."""
    required = {"in": "header", "name": "x-token", "required": True, "example": "documented"}
    get = {"get": {"parameters": [required]}}
    app = Canned({"openapi": "3.0.3", "paths": {"/a": get, "/half": get, "/post": {"post": {}}, "x-more": get}})
    with serving(app) as port:
        wanted = {"host": "127.0.0.1", "port": port, "path": "/openapi.json", "seconds": 10}
        told = run(openapi, {**wanted, "headers": {"X-Token": "real"}})
    half = told["gets"].pop()
    assert told == {"openapi": "3.0.3", "paths": 3, "gets": [{"path": "/a", "url": "/a", "status": 204}]}
    assert half["error"].startswith("answered 200 and broke off: ")
    assert {headers[b"x-token"] for headers in app.seen} == {b"real"}


COMPONENTS = {
    "schemas": {
        "Kind": {"type": "string", "enum": ["small", "large"]},
        "Loop": {"anyOf": [{"$ref": "#/components/schemas/Loop"}]},
        "a/b~c": {"type": "boolean"},
    },
    "parameters": {"Id": {"in": "path", "name": "id", "required": True, "schema": {"type": "string"}}},
    "examples": {"Seven": {"value": 7}},
}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({}, "0"),
        (True, "0"),
        ({"type": "string"}, "0"),
        ({"type": "integer"}, "1"),
        ({"type": ["null", "integer"], "minimum": 3}, "3"),
        ({"type": "integer", "exclusiveMinimum": 3}, "4"),
        ({"type": "integer", "minimum": 3, "exclusiveMinimum": True}, "4"),
        ({"type": "integer", "maximum": -2}, "-2"),
        ({"type": "integer", "exclusiveMaximum": 0}, "-1"),
        ({"type": "integer", "minimum": 2.5}, "3"),
        ({"type": "number", "minimum": 2.5}, "2.5"),
        ({"type": "number", "exclusiveMaximum": 1}, "0.5"),
        ({"type": "boolean"}, "true"),
        ({"type": "string", "minLength": 4}, "0000"),
        ({"type": "string", "format": "date-time"}, "2000-01-01T00%3A00%3A00Z"),
        ({"type": "string", "format": "uuid1"}, "00000000-0000-1000-8000-000000000000"),
        ({"type": "integer", "default": 9, "minimum": 3}, "9"),
        ({"const": "a b"}, "a%20b"),
        ({"type": "string", "examples": ["x/y"]}, "x%2Fy"),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "1"),
        ({"allOf": [{"$ref": "#/components/schemas/Kind"}]}, "small"),
        ({"$ref": "#/components/schemas/Kind", "default": "large"}, "large"),
        ({"$ref": "#/components/schemas/a~1b~0c"}, "true"),
        ({"$ref": "#/components/schemas/Loop"}, "0"),
        ({"$ref": "http://example.org/elsewhere"}, "0"),
        ({"type": "array", "items": {"type": "integer"}}, "1"),
    ],
)
def test_filled(schema: object, text: str) -> None:
    """A path's parameter and a required one of the query are filled with a value that the schema allows."""
    get = {"parameters": [{"in": "query", "name": "q q", "required": True, "schema": schema}]}
    item: dict[str, object] = {"parameters": [{"in": "path", "name": "id", "schema": schema}], "get": get}
    url, headers = openapi.build_request({"components": COMPONENTS}, "/v1/{id}/x", item)
    assert (url, headers) == (f"/v1/{text}/x?q%20q={text}", {})


@pytest.mark.parametrize(
    ("parameter", "url"),
    [
        ({"$ref": "#/components/parameters/Id"}, "/x/0"),
        ({"in": "path", "name": "id", "example": "e"}, "/x/e"),
        ({"in": "path", "name": "id", "example": ""}, "/x/0"),
        ({"in": "path", "name": "id", "example": ["a", "b"]}, "/x/a,b"),
        ({"in": "path", "name": "id", "examples": {"one": {"value": 1}}}, "/x/1"),
        ({"in": "path", "name": "id", "examples": {"7": {"$ref": "#/components/examples/Seven"}}}, "/x/7"),
        ({"in": "path", "name": "id", "content": {"application/json": {"schema": {"type": "boolean"}}}}, "/x/true"),
        ({"in": "query", "name": "id", "schema": {"type": "integer"}}, "/x/0"),
        ({"in": "query", "name": "l", "required": True, "example": ["a", "b"]}, "/x/0?l=a&l=b"),
        ({"in": "cookie", "name": "id", "required": True}, "/x/0"),
    ],
)
def test_parameters(parameter: dict[str, object], url: str) -> None:
    """References to parameters are followed, examples are preferred, and optional parameters are left out."""
    item = {"get": {"parameters": [parameter]}}
    assert openapi.build_request({"components": COMPONENTS}, "/x/{id}", item)[0] == url


def test_operations_own_parameter_comes_first() -> None:
    """A parameter of the operation replaces that of the path with the same name."""
    both = [{"in": "path", "name": "id", "example": example} for example in ("path's", "operation's")]
    item = {"parameters": both[:1], "get": {"parameters": both[1:]}}
    assert openapi.build_request({}, "/{id}", item)[0] == "/operation%27s"


KEYWORDS = ["integer", "number", "string", "array", "boolean", "null", "path", "query", "header", "uuid", "#/a", "#/"]
WORDS = ["integer", "number", "string", "array", "boolean", "null", "path", "query", "header", "uuid", "#/a", "#/"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4),
    max_leaves=12,
)
SCHEMAS = st.dictionaries(st.sampled_from(KEYWORDS), ANYTHING, max_size=5)
PLACES = st.sampled_from(["path", "query", "header"])
PARAMETERS = st.builds(
    lambda place, name, schema, more: {**more, "in": place, "name": name, "required": True, "schema": schema},
    PLACES,
    st.sampled_from(["id", "x y", "é"]) | st.text(max_size=4),
    SCHEMAS,
    st.dictionaries(st.sampled_from(["example", "examples", "content"]), ANYTHING, max_size=1),
)


@given(st.text(max_size=20) | st.just("{id}/{x y}"), st.lists(PARAMETERS | ANYTHING, max_size=4), SCHEMAS)
@example("{", [{"in": "header", "name": "X", "required": True, "example": "\r\n\ud800"}], {})
def test_whatever_the_document_holds(path: str, parameters: list[object], more: dict[str, object]) -> None:
    """Whatever a document says, the result is a URL that HTTP allows, and headers of one line each."""
    item = {**more, "get": {"parameters": parameters}}
    url, headers = openapi.build_request({"a": more, "paths": {path: item}}, f"/{path}", item)
    assert re.fullmatch(r"/[!-z|~]*", url)
    assert all(re.fullmatch(r"[ -~]*", value) and " " not in name for name, value in headers.items())


def served(base: str, servers: object, *, more: dict[str, object] | None = None, path: str = "/openapi.json") -> Any:
    """Return what the script prints of an application whose paths are served below `base`; any other is 404."""
    document = {
        "openapi": "3.1.0",
        "servers": servers,
        "paths": {"/ok": {"get": {}}, "/bad": {"get": {}}},
        **(more or {}),
    }

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] == path:
            await answer(send, 200, json.dumps(document).encode())
        else:
            statuses = {f"{base}/ok": 200, f"{base}/bad": 500}
            await answer(send, statuses.get(scope["path"], 404))

    with serving(app) as port:
        told = openapi.ask_all(host="127.0.0.1", port=port, path=path, headers={}, seconds=20)
    return [(each["url"], each["status"]) for each in cast("list[dict[str, Any]]", told["gets"])]


VARIABLES = {"base": {"default": "api"}, "version": {"enum": ["v1", "v2"]}}


@pytest.mark.parametrize(
    ("base", "servers", "path"),
    [
        ("", None, "/openapi.json"),
        ("", [], "/openapi.json"),
        ("", [{"url": "/"}], "/openapi.json"),
        ("/api/v1", [{"url": "/api/v1"}], "/openapi.json"),
        ("/api/v1", [{"url": "/api/v1/"}], "/api/v1/openapi.json"),
        ("/api/v1", [{"url": "v1"}], "/api/openapi.json"),
        ("/api/v1", [{"url": "./"}], "/api/v1/openapi.json"),
        ("/api/v1", [{"url": "../v1"}], "/api/docs/openapi.json"),
        ("/api/v1", [{"url": "https://api.example.org/api/v1"}], "/openapi.json"),
        ("/api/v1", [{"url": "//api.example.org/api/v1"}], "/openapi.json"),
        ("/api/v1", [{"url": "https://{host}:8443/{base}/{version}", "variables": VARIABLES}], "/openapi.json"),
        ("/api/v1", [{"url": "https://prod.example.org/elsewhere"}, {"url": "/api/v1"}], "/openapi.json"),
        ("", [{"url": "/stripped/by/a/proxy"}], "/openapi.json"),
    ],
)
def test_servers(base: str, servers: object, path: str) -> None:
    """Paths are asked for below the servers of the document, wherever it is; then below none."""
    assert served(base, servers, path=path) == [(f"{base}/ok", 200), (f"{base}/bad", 500)]


def test_servers_of_a_path() -> None:
    """The servers of an operation replace those of its path, and these the document's."""
    elsewhere = [{"url": "/elsewhere"}]
    paths = {
        "/ok": {"servers": elsewhere, "get": {"servers": [{"url": "/api"}]}},
        "/bad": {"servers": [{"url": "/api"}], "get": {}},
    }
    assert served("/api", elsewhere, more={"paths": paths}) == [("/api/ok", 200), ("/api/bad", 500)]


def test_paths_that_are_all_unknown() -> None:
    """If no server knows any path, the answers at the first are printed."""
    told = served("/api/v1", [{"url": "/api/v2"}, {"url": "/api/v3"}])
    assert told == [("/api/v2/ok", 404), ("/api/v2/bad", 404)]


def test_many_servers() -> None:
    """Of a document that names very many servers, the first eight are tried."""
    for place, found in ((7, [("/s7/ok", 200), ("/s7/bad", 500)]), (8, [("/s0/ok", 404), ("/s0/bad", 404)])):
        assert served(f"/s{place}", [{"url": f"/s{number}"} for number in range(9)]) == found


def test_mounted_application() -> None:
    """The document of an application that is mounted in another is asked for where it is, and a failing GET found."""
    inner, outer = FastAPI(), FastAPI()

    @inner.get("/fails")
    def fails() -> None:
        raise HTTPException(500)

    outer.mount("/api/v1", inner)
    with serving(outer) as port:  # type: ignore[arg-type] # as above
        told = openapi.ask_all(host="127.0.0.1", port=port, path="/api/v1/openapi.json", headers={}, seconds=20)
    assert told["gets"] == [{"path": "/fails", "url": "/api/v1/fails", "status": 500}]


def test_redirected_get() -> None:
    """A GET that is redirected is printed with the place that it leads to."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] == "/openapi.json":
            await answer(send, 200, b'{"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}')
        else:
            await answer(send, 308, location="/b")

    with serving(app) as port:
        assert ask(port)["gets"] == [{"path": "/a", "url": "/a", "status": 308, "location": "/b"}]


def test_nobody_takes_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a request that was taken can be late: one whose connection is not made has no answer."""
    monkeypatch.setattr(HTTPConnection, "connect", lambda _: time.sleep(5))
    told = openapi.ask(("127.0.0.1", 1), "/", {}, 0.1, 1)
    assert told == {"error": "got no answer within 0.1 s", "late": False}


def test_headers_of_the_connection() -> None:
    """How a request is sent is not for the document to say; names that differ in their case are one header."""
    names = ["Host", "content-length", "Accept-Encoding", "X-A", "x-a"]
    parameters = [{"in": "header", "name": name, "required": True, "example": name} for name in names]
    assert openapi.build_request({}, "/", {"get": {"parameters": parameters}}) == ("/", {"x-a": "x-a"})


@given(st.text() | st.sampled_from(["//[", "http://[::1", "{a}", "..", "?x", "\ud800"]), st.text(), ANYTHING)
def test_any_server(url: str, default: str, more: object) -> None:
    """Whatever a server's URL is, the result is the beginning of a path that HTTP allows."""
    server = {"url": url, "variables": {"a": {"default": default}, "b": more}}
    for each in (server, {"url": more, "variables": more}):
        base = openapi.find_base(each, "/docs/openapi.json")
        assert re.fullmatch(r"(/[!-z|~]*)?", base)
        assert not base.endswith("/")
