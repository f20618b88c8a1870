"""The header in which a registry says how it wants to be logged in to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.sources.registry.challenges import Challenge, choose_challenge, parse

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ()),
        ("Basic", (("basic", {}),)),
        ('Basic realm="a, b"', (("basic", {"realm": "a, b"}),)),
        ('bearer Realm = x , service="s\\"t"', (("bearer", {"realm": "x", "service": 's"t'}),)),
        ('Basic realm="a", Bearer realm="b",c="d"', (("basic", {"realm": "a"}), ("bearer", {"realm": "b", "c": "d"}))),
        ('Negotiate, Basic realm="a"', (("negotiate", {}), ("basic", {"realm": "a"}))),
        ('Bearer realm="a", realm="b"', (("bearer", {"realm": "a"}),)),
        ('Bearer realm="a', (("bearer", {}),)),
        ('realm="a"', ()),
        ("Bearer realm=a; x", (("bearer", {"realm": "a"}),)),
    ],
)  # fmt: skip
def test_header(header: str, expected: tuple[tuple[str, dict[str, str]], ...]) -> None:
    """Each scheme has its own parameters, quoted or not; of a damaged header the part before the damage counts."""
    assert parse(header) == tuple(Challenge(scheme=scheme, parameters=values) for scheme, values in expected)


def test_real_header() -> None:
    """The commas within a scope part nothing."""
    assert parse(HUB)[0].parameters == {
        "realm": "https://auth.docker.io/token",
        "service": "registry.docker.io",
        "scope": "repository:a/b:pull,push",
    }


def test_token_before_password() -> None:
    """Of several ways the safer is taken, in whatever order they come; unknown ones never."""
    for header in (f'Basic realm="a", {HUB}', f'{HUB}, Basic realm="a"'):
        found = choose_challenge(header)
        assert found
        assert found.scheme == "bearer"
    assert choose_challenge("Negotiate") is None


@given(st.text(alphabet=st.sampled_from('ab=", \\\t')) | st.text())
def test_any_header(header: str) -> None:
    """No text is too strange, nor takes long."""
    for each in parse(header * 50):
        assert each.scheme


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(st.characters(min_codepoint=32, max_codepoint=126))
    )
)
def test_quoted_values_come_out(values: dict[str, str]) -> None:
    """Whatever stands between quotes comes out as it went in."""
    quoted = (f'{name}="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for name, value in values.items())
    assert parse(f"Bearer {','.join(quoted)}") == (Challenge(scheme="bearer", parameters=values),)
