"""Bodies of requests, beside what other clients send and what a server reads."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st
from urllib3 import encode_multipart_formdata

from weighbridge.smoke.stack.bodies import Part, encode_form, encode_multipart

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PARTS = st.builds(Part, name=TEXT, type=st.just("image/png"), content=st.binary())


@given(st.dictionaries(TEXT, TEXT | PARTS))
def test_multipart(fields: dict[str, str | Part]) -> None:
    """The bytes are those of another client with the same boundary, whatever names, texts and files contain."""
    body = encode_multipart(fields)
    kind, _, boundary = body.type.partition("; boundary=")
    told = {
        name: value if isinstance(value, str) else (value.name, value.content, value.type)
        for name, value in fields.items()
    }
    sent, _ = encode_multipart_formdata(told, boundary)
    assert kind == "multipart/form-data"
    assert body.text.encode(errors="surrogateescape") == sent


def test_boundary_is_new_each_time() -> None:
    """Two bodies have two boundaries, so that no file can contain the one of its body."""
    assert encode_multipart({}).type != encode_multipart({}).type


@given(st.dictionaries(TEXT, TEXT))
def test_form(fields: dict[str, str]) -> None:
    """A server reads from a form what was put into it."""
    body = encode_form(fields)
    assert body.type == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(body.text, keep_blank_values=True)) == fields
