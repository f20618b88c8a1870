"""Post a report as the one comment of a pull request on GitHub, or of a merge request on GitLab, or write it anew.

    python3 comment.py REPORT.md [NAME]

A name is for several reports on one request: each has its own comment. It needs Python alone. On GitHub it reads
GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_TOKEN, PULL_REQUEST and, where the token is not that of the job,
COMMENT_AUTHOR; on GitLab CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID and GITLAB_TOKEN.
"""

# ruff: noqa: INP001 - a script that is run by its path, and part of no package

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

MARKER = "<!-- weighbridge:report -->"
"""The first line of a report; a comment that begins with it, and is ours, is the one to write anew."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
"""What a name may be: nothing that ends the marker, which is a comment of HTML."""
_SECONDS = 30
_PAUSES = 2.0, 8.0, 30.0
"""Seconds before it is tried again, unless the forge says how long."""
_LONGEST = 60.0


class _Stay(HTTPRedirectHandler):
    """Follows nowhere: the token would go along, and what is posted would not."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nowhere, so that the answer is an error."""


_OPENER = build_opener(_Stay)


@dataclass(frozen=True)
class Forge:
    """Where comments are read, written, and whose are ours."""

    comments: str
    """Lists them, and takes a new one."""
    comment: str
    """One of them, but for its number."""
    update: str
    """The method that writes one anew."""
    headers: Mapping[str, str]
    author: tuple[str, str]
    """The field of a comment that holds its author, and that author's name."""

    def ask(self, method: str, url: str, body: str | None = None) -> tuple[Any, str]:
        """Send a request; return the answer's JSON, and where its next page is."""
        data = None if body is None else json.dumps({"body": body}).encode()
        headers = {**self.headers, "Content-Type": "application/json", "User-Agent": "weighbridge"}
        request = Request(url, data, headers, method=method)  # noqa: S310 - the forge's own address, told by its CI
        with _OPENER.open(request, timeout=_SECONDS) as answer:
            following = re.search(r'<([^>]*)>;\s*rel="next"', answer.headers.get("Link") or "")
            return json.load(answer), following[1] if following else ""

    def listed(self) -> Iterator[dict[str, Any]]:
        """Yield all comments, page by page."""
        url = f"{self.comments}?per_page=100"
        while url and urlsplit(url)[:2] == urlsplit(self.comments)[:2]:  # the token goes nowhere else
            page, url = self.ask("GET", url)
            yield from page


def forge(variables: Mapping[str, str]) -> Forge:
    """Return the forge whose CI we run in."""
    if "CI_MERGE_REQUEST_IID" in variables:
        api, headers = variables["CI_API_V4_URL"], {"PRIVATE-TOKEN": variables["GITLAB_TOKEN"]}
        notes = f"{api}/projects/{variables['CI_PROJECT_ID']}/merge_requests/{variables['CI_MERGE_REQUEST_IID']}/notes"
        nobody = Forge(notes, notes, "PUT", headers, ("author", ""))
        me, _ = nobody.ask("GET", f"{api}/user")
        return Forge(notes, notes, "PUT", headers, ("author", me["username"]))
    issues = f"{variables['GITHUB_API_URL']}/repos/{variables['GITHUB_REPOSITORY']}/issues"
    headers = {"Authorization": f"Bearer {variables['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
    author = variables.get("COMMENT_AUTHOR") or "github-actions[bot]"
    return Forge(
        f"{issues}/{variables['PULL_REQUEST']}/comments", f"{issues}/comments", "PATCH", headers, ("user", author)
    )


def named(report: str, name: str) -> str:
    """Return the report with its name in the marker and as a heading; without a name, as it is."""
    return report.replace(MARKER, f"{MARKER.removesuffix(' -->')} {name} -->\n\n## {name}", 1) if name else report


def post(there: Forge, report: str) -> str:
    """Write the report into our comment, or into a new one; return which of the two it was."""
    field, name = there.author
    marker = report.partition("\n")[0]
    for comment in there.listed():
        who = comment.get(field) or {}
        if (comment.get("body") or "").startswith(marker) and name in (who.get("login"), who.get("username")):
            there.ask(there.update, f"{there.comment}/{comment['id']}", report)
            return "updated"
    there.ask("POST", there.comments, report)
    return "created"


def pause(error: Exception, usual: float) -> float | None:
    """Return the seconds after which it may be tried again; None: there is no use.

    GitHub answers 403 or 429 to who asks too often, and says until when.
    """
    status, headers = getattr(error, "code", 0), getattr(error, "headers", None) or {}
    told = headers.get("Retry-After") or ""
    limited = status == HTTPStatus.FORBIDDEN and (told or headers.get("X-RateLimit-Remaining") == "0")
    if not (limited or status in {0, HTTPStatus.TOO_MANY_REQUESTS} or status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        return None
    seconds = float(told) if told.isdecimal() else usual
    return seconds if seconds <= _LONGEST else None


def insist(variables: Mapping[str, str], report: str) -> str:
    """Post as `post` does, a few times where the forge is out of order; each time it looks anew what there is.

    So what was written though its answer got lost is not written twice.
    """
    for usual in _PAUSES:
        try:
            return post(forge(variables), report)
        except OSError as error:
            seconds = pause(error, usual)
            if seconds is None:
                raise
            time.sleep(seconds)
    return post(forge(variables), report)


def main(path: str, name: str = "") -> int:
    """Post the report of that path, under that name; return the exit code."""
    try:
        report = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        print(f"error: {path} cannot be read: {error.strerror}", file=sys.stderr)  # noqa: T201 - the answer
        return 1
    if not report.startswith(MARKER):
        print(f"error: {path} is no report: it does not begin with {MARKER}", file=sys.stderr)  # noqa: T201 - the answer
        return 1
    if name and not _NAME.fullmatch(name):
        print("error: the name may have up to 50 letters, digits, points, dashes and underscores", file=sys.stderr)  # noqa: T201 - the answer
        return 1
    try:
        print(f"The comment was {insist(os.environ, named(report, name))}.")  # noqa: T201 - the answer
    except KeyError as error:
        print(f"error: {error.args[0]} is not set", file=sys.stderr)  # noqa: T201 - the answer
    except (OSError, ValueError) as error:  # no network, no time, no rights, or an answer that is no JSON
        advice = "the token may not write comments" if getattr(error, "code", 0) in {401, 403, 404} else "try again"
        print(f"error: the comment was not written: {error}; {advice}", file=sys.stderr)  # noqa: T201 - the answer
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
