"""The API with a login, price lists that are uploaded, notes that are put and deleted, and rates of a third party."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import ssl
import urllib.error
import urllib.request
from typing import Annotated, Any

from fastapi import Body, Cookie, Depends, FastAPI, File, Form, Header, HTTPException, Response, UploadFile
from words.service import app  # type: ignore[import-not-found]  # it is in the image

shop: FastAPI = app
tokens: set[str] = set()
lists: dict[str, bytes] = {}
notes: dict[str, str] = {}
log = logging.getLogger("uvicorn.error")


def check_token(authorization: Annotated[str, Header()] = "", session: Annotated[str, Cookie()] = "") -> None:
    """Refuse whoever has not logged in."""
    if authorization.removeprefix("Bearer ") not in tokens and session not in tokens:
        raise HTTPException(401, f"unknown: {authorization}")


signed_in = [Depends(check_token)]


@shop.post("/token")
async def log_in(username: Annotated[str, Form()], password: Annotated[str, Form()], response: Response) -> Any:
    """Return a token: as a field, in a header, and in a cookie. It logs what no application should."""
    log.info("login of %s with %s", username, password)
    if password != os.environ["SHOP_KEY"]:
        raise HTTPException(401, f"{password} is wrong")
    token = secrets.token_hex(16)
    tokens.add(token)
    log.info("issued %s", token)
    response.headers["X-Session"] = token
    response.set_cookie("session", token, httponly=True)
    return {"access_token": token, "token_type": "bearer"}


@shop.post("/prices", status_code=202, dependencies=signed_in)
async def add_prices(
    prices: Annotated[UploadFile, File(alias="list")], currency: Annotated[str, Form()] = "EUR"
) -> Any:
    """Keep an uploaded list, and tell its digest."""
    content, name = await prices.read(), secrets.token_hex(8)
    lists[name] = content
    digest = hashlib.sha256(content).hexdigest()
    return {"id": name, "file": prices.filename, "type": prices.content_type, "currency": currency, "sha256": digest}


@shop.get("/prices/{name}", dependencies=signed_in)
async def tell_state(name: str) -> Any:
    """Tell how far a list is: one without a line of prices has failed."""
    if name not in lists:
        raise HTTPException(404)
    return {"state": "done" if lists[name].count(b"\n") > 1 else "failed"}


@shop.get("/prices/{name}/csv", dependencies=signed_in)
async def get_prices(name: str) -> Response:
    """Return a list as text."""
    if name not in lists:
        raise HTTPException(404)
    return Response(lists[name], media_type="text/csv", headers={"ETag": f'"{name}"'})


@shop.put("/notes/{name}", status_code=201)
async def put_note(name: str, text: Annotated[str, Body(embed=True)]) -> Any:
    """Keep a note."""
    notes[name] = text
    return {"text": text}


@shop.patch("/notes/{name}")
async def patch_note(name: str, text: Annotated[str, Form()]) -> Any:
    """Add to a note."""
    notes[name] += text
    return {"text": notes[name]}


@shop.delete("/notes/{name}", status_code=204)
async def delete_note(name: str) -> None:
    """Forget a note."""
    if notes.pop(name, None) is None:
        raise HTTPException(404)


@shop.get("/rates/{client}")
def ask_for_rate(client: str) -> Any:
    """Ask a third party, as clients do that read certificates from either variable, or from neither."""
    try:
        match client:
            case "plain":
                return read("http://rates.example.com/v1/rate?of=EUR")
            case "default":
                return read("https://rates.example.com/v1/rate", ssl.create_default_context())
            case "bundle":
                trusted = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
                return read("https://rates.example.com/v1/missing", trusted)
            case "pinned":
                return read("https://pinned.example.com/", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except urllib.error.HTTPError as error:
        raise HTTPException(424, f"{error.code} {error.read().decode()}") from error
    except OSError as error:
        raise HTTPException(424, str(error)) from error
    raise HTTPException(404)


def read(url: str, context: ssl.SSLContext | None = None) -> Any:
    """Return the JSON at an address."""
    with urllib.request.urlopen(url, timeout=5, context=context) as answer:  # noqa: S310 - http(s) alone
        return json.load(answer)
