"""Runs inside a container, as `python -c … JSON`: sends a GET to every path in the API's OpenAPI document."""

from __future__ import annotations

import json
import math
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, IncompleteRead
from urllib.parse import quote, urljoin, urlsplit

_PATH_SECONDS = 5.0
_MOST_BYTES = 64 * 1024
_DOCUMENT_BYTES = 16 * 1024 * 1024
_DEPTH = 16
"""How deep references and alternatives are followed, because a schema may refer to itself."""
_MOST_CHARACTERS = 1024
_MOST_SERVERS, _REDIRECTS = 8, range(300, 400)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_PARAMETERS = frozenset({"accept", "authorization", "content-type"})
"""A document describes these headers elsewhere (OpenAPI, "Parameter Object")."""
_HOW_IT_IS_SENT = frozenset({"accept-encoding", "connection", "content-length", "host", "te", "transfer-encoding"})
_PATH_CHARACTERS = "/:@!$&'()*+,;=~%"
_IN_HEADERS = " !#$%&'()*+,/:;<=>?@[]^_`{|}~" + '"\\'
_MOST_RECKONED = 1e300
_BY_FORMAT = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "a@example.org",
    "uri": "http://example.org/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    **{f"uuid{version}": f"00000000-0000-{version}000-8000-000000000000" for version in range(1, 9)},
}


def ask_all(*, host: str, port: int, path: str, headers: dict[str, str], seconds: float) -> dict[str, object]:
    """Return the document's version, how many paths it has, and the answer to each of its GETs.

    If all paths of the document's first server are unknown, those of the next are tried, and last those without prefix,
    because a proxy in front of the API may remove it.
    """
    until = time.monotonic() + seconds
    found = ask((host, port), path, headers, seconds, _DOCUMENT_BYTES)
    if found.get("status") != HTTPStatus.OK:
        why = f"answered {found['status']}" if "status" in found else found["error"]
        found.pop("body", None)
        return {**found, "error": f"GET {path} {why}"}
    try:
        document = keep_mapping(json.loads(str(found["body"])))
    except (ValueError, RecursionError):
        return {"error": f"the answer to GET {path} is no JSON"}
    version = str(document.get("openapi", ""))
    if not version.startswith("3."):
        return {"error": f"the answer to GET {path} is no OpenAPI 3 document: its `openapi` is no 3.x"}
    items = keep_mapping(document.get("paths")).items()
    paths = {key: resolve(document, item) for key, item in items if key.startswith("/")}
    operations = {key: item for key, item in paths.items() if isinstance(item.get("get"), dict)}
    bases = {key: find_bases(document, item, path) for key, item in operations.items()}
    first, given = list[object](), {name.lower() for name in headers}
    for number in range(max(map(len, bases.values()), default=0)):
        gets = list[dict[str, object]]()
        for key, item in operations.items():
            url, filled = build_request(document, key, item, bases[key][min(number, len(bases[key]) - 1)])
            sent = {**headers, **{name: value for name, value in filled.items() if name not in given}}
            answer = ask((host, port), url, sent, min(_PATH_SECONDS, until - time.monotonic()), _MOST_BYTES)
            answer.pop("body", None)
            gets.append({"path": key, "url": url, **answer})
        first = first or [*gets]
        if not all(map(is_unknown, gets)):
            return {"openapi": version, "paths": len(paths), "gets": gets}
    return {"openapi": version, "paths": len(paths), "gets": first}


def is_unknown(answer: Mapping[str, object]) -> bool:
    """Tell whether an API says that it does not know a path, or could not be asked."""
    return answer.get("status", HTTPStatus.NOT_FOUND) == HTTPStatus.NOT_FOUND and not answer.get("late")


def find_bases(document: Mapping[str, object], item: Mapping[str, object], path: str) -> list[str]:
    """Return the paths below which a GET may be served, the likeliest first.

    The servers of an operation replace those of its path, and these the document's (OpenAPI, "Server Object").
    """
    holders = keep_mapping(item.get("get")), item, document
    servers = next((found for found in (keep_list(holder.get("servers")) for holder in holders) if found), [])
    bases = [find_base(keep_mapping(server), path) for server in servers[:_MOST_SERVERS]]
    return list(dict.fromkeys([*bases, ""]))


def find_base(server: Mapping[str, object], path: str) -> str:
    """Return the path of a server's URL, which may be relative to that of the document; empty if it is no URL."""

    def fill(found: re.Match[str]) -> str:
        variable = keep_mapping(keep_mapping(server.get("variables")).get(found[1]))
        return str(variable.get("default", take_first(variable.get("enum")) or ""))

    url = _PLACEHOLDER.sub(fill, str(server.get("url", "/")))
    try:
        base = urlsplit(urljoin(path, url)).path.rstrip("/")
    except ValueError:
        return ""
    return quote(base if base.startswith("/") or not base else f"/{base}", safe=_PATH_CHARACTERS, errors="replace")


def ask(place: tuple[str, int], path: str, headers: dict[str, str], seconds: float, most: int) -> dict[str, object]:
    """Return status and body, or why there is no whole answer. Of an endless answer the status is enough."""
    if seconds <= 0:
        return {"error": "was not sent: the time was up"}
    connection, seen = HTTPConnection(*place), dict[str, object]()
    try:
        with limit_time(seconds):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            seen["status"], seen["body"] = answer.status, ""
            seen.update({"location": answer.getheader("Location", "")} if answer.status in _REDIRECTS else {})
            if answer.headers.get_content_type() != "text/event-stream":
                body = answer.read(most)
                seen["body"] = body.decode(errors="replace")
                if answer.length and len(body) < most:  # `read` with a limit does not report it
                    raise IncompleteRead(body, answer.length)
    except TimeoutError as error:
        return seen or {"error": str(error), "late": connection.sock is not None}
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a path or header that HTTP does not allow
        reason = str(error) or type(error).__name__
        return {"error": f"answered {seen['status']} and broke off: {reason}" if seen else f"got no answer: {reason}"}
    finally:
        connection.close()
    return seen


@contextmanager
def limit_time(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` when the time is up. A socket's own timeout would start again with each byte received."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"got no answer within {seconds:.1f} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def build_request(
    document: Mapping[str, object], path: str, item: Mapping[str, object], base: str = ""
) -> tuple[str, dict[str, str]]:
    """Return URL and headers, in lower case, for a GET below `base`, with all parameters that it requires."""
    found: dict[tuple[str, str], dict[str, object]] = {}
    for holder in (item, keep_mapping(item.get("get"))):  # parameters of the operation replace those of the path
        for each in (resolve(document, each) for each in keep_list(holder.get("parameters"))):
            found[str(each.get("in")), str(each.get("name"))] = each
    values, query, headers = dict[str, str](), list[str](), dict[str, str]()
    for (place, name), parameter in found.items():
        value = choose_value(document, parameter)
        if place == "path":
            values[name] = ",".join(map(encode, value))
        elif parameter.get("required") is not True:
            continue
        elif place == "query":
            query += [f"{encode(name)}={encode(each)}" for each in value]
        elif (
            place == "header" and _HEADER_NAME.fullmatch(name) and name.lower() not in _NOT_PARAMETERS | _HOW_IT_IS_SENT
        ):
            headers[name.lower()] = quote(",".join(value)[:_MOST_CHARACTERS], safe=_IN_HEADERS, errors="replace")
    return "?".join([base + build_path(path, values), *(["&".join(query)] if query else [])]), headers


def build_path(path: str, values: dict[str, str]) -> str:
    """Return a path with its placeholders filled, and nothing in it that a URL may not hold."""
    parts = _PLACEHOLDER.split(path)  # text and names by turns
    parts[1::2] = [values.get(name) or "0" for name in parts[1::2]]
    parts[::2] = [quote(text, safe=_PATH_CHARACTERS, errors="replace") for text in parts[::2]]
    return "".join(parts)


def encode(text: str) -> str:
    """Return a value as a URL holds it."""
    return quote(text[:_MOST_CHARACTERS], safe="", errors="replace")


def choose_value(document: Mapping[str, object], parameter: dict[str, object]) -> list[str]:
    """Return what to send for a parameter: one text, or several if it takes a list."""
    contents = [keep_mapping(content) for content in keep_mapping(parameter.get("content")).values()]
    known: list[object] = []
    for holder in (parameter, *contents):
        examples = [resolve(document, each).get("value") for each in keep_mapping(holder.get("examples")).values()]
        known += [value for value in (holder.get("example"), *examples) if value is not None]
    schemas = [holder.get("schema") for holder in (parameter, *contents) if "schema" in holder]
    value = known[0] if known else make_sample(document, schemas[0] if schemas else None)
    return [format_value(each) for each in value] if isinstance(value, list) else [format_value(value)]


def format_value(value: object) -> str:
    """Return a value in the form for a parameter: text unchanged, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def make_sample(document: Mapping[str, object], node: object, depth: int = _DEPTH) -> object:
    """Return a value that a simple schema allows; not every constraint is considered."""
    schema = resolve(document, node)
    known = (
        schema.get("example"),
        take_first(schema.get("examples")),
        schema.get("default"),
        take_first(schema.get("enum")),
    )
    for value in (*known, schema.get("const")):
        if value is not None:
            return value
    for option in [each for key in ("anyOf", "oneOf", "allOf") for each in keep_list(schema.get(key))]:
        if depth and find_type(resolve(document, option)) != "null":
            return make_sample(document, option, depth - 1)
    kind = find_type(schema)
    if kind in ("integer", "number"):
        return choose_number(schema, whole=kind == "integer")
    if kind == "array":
        return [make_sample(document, schema.get("items"), depth - 1)] if depth else []
    return True if kind == "boolean" else make_text(schema)


def make_text(schema: dict[str, object]) -> str:
    """Return a text in the format that the schema requires, or of its minimum length."""
    known, least = _BY_FORMAT.get(str(schema.get("format"))), keep_finite(schema.get("minLength"))
    return known or "0" * int(min(max(1, least or 1), _MOST_CHARACTERS))


def choose_number(schema: dict[str, object], *, whole: bool) -> float:
    """Return 1, or the number within the schema's bounds that is nearest to 1."""
    lowest, highest = keep_finite(schema.get("minimum")), keep_finite(schema.get("maximum"))
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = 1 if whole else 0.5
    if above is True and lowest is not None:  # OpenAPI 3.0; a number of its own since 3.1
        lowest += step
    elif keep_finite(above) is not None:
        lowest = (math.floor(keep_finite(above) or 0) if whole else keep_finite(above) or 0) + step
    if below is True and highest is not None:
        highest -= step
    elif keep_finite(below) is not None:
        highest = (math.ceil(keep_finite(below) or 0) if whole else keep_finite(below) or 0) - step
    value = 1 if highest is None or highest >= 1 else math.floor(highest) if whole else highest
    return value if lowest is None or lowest <= value else math.ceil(lowest) if whole else lowest


def keep_finite(value: object) -> float | None:
    """Return a number that is safe to calculate with; None for anything else."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return value if abs(value) < _MOST_RECKONED else None


def find_type(schema: dict[str, object]) -> str:
    """Return a schema's type; if it has several, the first that is not null."""
    kinds = [kind for kind in keep_list(schema.get("type")) if kind != "null"]
    return str(kinds[0] if kinds else schema.get("type", ""))


def resolve(document: Mapping[str, object], node: object) -> dict[str, object]:
    """Return a node with its references within the document followed; keys beside a reference override its target."""
    found = keep_mapping(node)
    for _ in range(_DEPTH):
        reference = found.get("$ref")
        if not isinstance(reference, str):
            break
        target: object = document
        for name in reference.split("/")[1:] if reference[:2] == "#/" else ["nowhere"]:
            target = keep_mapping(target).get(name.replace("~1", "/").replace("~0", "~"))
        beside = {key: value for key, value in found.items() if key != "$ref"}
        found = {**keep_mapping(target), **beside}
    return found


def keep_mapping(value: object) -> dict[str, object]:
    """Return a JSON object of the document; an empty one if the value is something else."""
    return value if isinstance(value, dict) else {}


def keep_list(value: object) -> list[object]:
    """Return a list of the document; an empty one if the value is something else."""
    return value if isinstance(value, list) else []


def take_first(value: object) -> object:
    """Return the first value of a list that is not null; None if there is none."""
    return next((each for each in keep_list(value) if each is not None), None)


if __name__ == "__main__":
    print(json.dumps(ask_all(**json.loads(sys.argv[1]))))  # noqa: T201 - the output is the point
