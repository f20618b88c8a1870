"""What an instruction does, without what it sets up before."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.image import prelude
from weighbridge.image.history import clean
from weighbridge.image.prelude import strip_prelude


@pytest.mark.parametrize(
    ("instruction", "shown"),
    [
        (
            (
                "RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip"
                " if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi;"
                " python3 -m venv /venv && /venv/bin/pip install -r requirements.txt"
            ),
            "RUN python3 -m venv /venv && /venv/bin/pip install -r requirements.txt",
        ),
        ("RUN set -eux; apt-get update; apt-get install -y x", "RUN apt-get update; apt-get install -y x"),
        ("RUN set -euxo pipefail && umask 022 && make", "RUN make"),
        ("RUN set -o errexit -o nounset; make", "RUN make"),
        ("RUN export A=b C='d e' && export A && unset D; make", "RUN make"),
        ('RUN A=b; B="$A/c ${D:-e}" && make', "RUN make"),
        ("RUN --network=none --security=insecure make", "RUN make"),
        ("RUN if test -s /a; then export B=c; export D=e; else unset B; fi && make", "RUN make"),
        ("RUN [ -s /a ] && export B=c; make", "RUN make"),
        ('RUN [ -z "$CA" ] || { export A=$CA; }; make', "RUN make"),
        # What runs something is no prelude.
        ("RUN A=b make", "RUN A=b make"),
        ("RUN A=$(make) && b", "RUN A=$(make) && b"),
        ('RUN export A="$(make)"; b', 'RUN export A="$(make)"; b'),
        ("RUN export A=`make`; b", "RUN export A=`make`; b"),
        ("RUN set -- a b; c", "RUN set -- a b; c"),
        ("RUN true || make", "RUN true || make"),
        ("RUN export A=b || make", "RUN export A=b || make"),
        ("RUN [ -s /a ] && export B=c && make", "RUN [ -s /a ] && export B=c && make"),
        ("RUN if [ -s /a ]; then make; fi; b", "RUN if [ -s /a ]; then make; fi; b"),
        ("RUN if [ -s /a ]; then export B=c; make; fi", "RUN if [ -s /a ]; then export B=c; make; fi"),
        # Nothing is left, or it is another instruction.
        ("RUN export A=b", "RUN export A=b"),
        ("RUN --mount=type=secret,id=ca set -eux;", "RUN --mount=type=secret,id=ca set -eux;"),
        ("COPY --from=x /a /b", "COPY --from=x /a /b"),
        ("ENV A=b", "ENV A=b"),
        ("(missing)", "(missing)"),
        ("RUN", "RUN"),
        ("", ""),
    ],
)
def test_instructions(instruction: str, shown: str) -> None:
    """Flags, options of the shell, variables and conditions around these go; what runs a program stays."""
    assert strip_prelude(instruction) == shown


@pytest.mark.parametrize(
    "script",
    ["set -eux\nexport A=b\nif [ -s /a ]; then\n  export B=c\nfi\nmake\n", "set -eux\n\nA=b\nmake\n"],
)
def test_heredocs(script: str) -> None:
    """The lines of a heredoc were joined by blanks before; what is before the first that acts goes all the same."""
    shown = strip_prelude(clean(f"RUN /bin/sh -c {script} # buildkit"))
    assert shown.endswith("make")
    assert "set -eux" not in shown
    assert strip_prelude("RUN <<EOF set -e export A=b make EOF") == "RUN make EOF"


WORDS = st.sampled_from(
    [
        "RUN ",
        "--mount=type=x ",
        "set -eux",
        "; ",
        " && ",
        " || ",
        "export ",
        "A=b",
        "A=$(c)",
        "if ",
        "[ -s /a ]",
        "then ",
        *["fi", "'", '"', "\\", "umask 022", "<<EOF ", "make", " ", ":"],
    ]
)


@given(st.one_of(st.text(), st.lists(WORDS, max_size=20).map(lambda words: "RUN " + "".join(words))))
def test_a_part_from_somewhere_to_the_end(text: str) -> None:
    """Whatever an instruction holds, what is shown is its end, after `RUN`, and not empty."""
    shown = strip_prelude(text)
    assert shown == text or (shown.startswith("RUN ") and text.startswith("RUN") and text.endswith(shown[4:]))
    assert bool(shown.strip()) is bool(text.strip())
    assert len(shown) <= len(text)


@pytest.mark.parametrize(
    "piece",
    [
        "a=b ",
        "] ",
        "\\x",
        "a ",
        "'",
        "set -o ",
        "true ",
        "$",
        "$a",
        "${a}",
        "A=b;",
        "export A=b ",
        ": ",
        "test a && ",
        "if [ x ] then A=b ",
    ],
)
@pytest.mark.parametrize("start", ["RUN ", "RUN if [ x ]; then ", "RUN if [ ", "RUN export A=", 'RUN A="', "RUN test "])
def test_much_of_the_same(start: str, piece: str) -> None:
    """A long instruction takes milliseconds, whatever is repeated in it."""
    text = start + piece * (19_000 // len(piece)) + "("
    begin = time.process_time()
    strip_prelude(text)
    assert time.process_time() - begin < 1


def test_rare_pattern_is_compiled_when_it_may_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pattern of conditions, which takes longest to compile, is left alone by whatever cannot begin with one."""
    compiled, compile_ = list[str](), re.compile

    def count(pattern: str) -> re.Pattern[str]:
        compiled.append(pattern)
        return compile_(pattern)

    monkeypatch.setattr(re, "compile", count)
    assert strip_prelude("RUN set -eux; pip install shop") == "RUN pip install shop"
    assert compiled
    assert prelude._GUARD not in compiled
    assert strip_prelude("RUN [ -n x ] && export A=1; make") == "RUN make"
    assert prelude._GUARD in compiled
