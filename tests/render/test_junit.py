"""The smoke test as JUnit XML, read back by another library, as CI does."""

from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from junitparser import Failure, JUnitXml, Skipped

from weighbridge import quoting
from weighbridge.model.rules import Subject
from weighbridge.model.smoke import Check, Outcome, Proof
from weighbridge.render import junit


def check(rule: str, outcome: Outcome = "passed", detail: str = "", role: Subject = "api") -> Check:
    """Return a check that took a quarter of a second."""
    return Check(role=role, rule=rule, outcome=outcome, detail=detail, seconds=0.25)


GOOD = Proof(variant="single", seconds=2.5, checks=(check("live"), check("ready")))
FAILED = Proof(
    variant="multi",
    seconds=4.0625,
    checks=(
        check("no-setuid-files", "waived", "newgrp is setuid; it is the customer's", role="image"),
        check("live"),
        check("ready", "failed", 'GET /readyz answered <503> & "no"; start Redis — it\'s down'),
        check("serves-openapi", "failed", "no document"),
        check("registers-its-jobs", "skipped", "api ready does not hold", role="worker"),
        check("no-compiler", "noted", "/usr/bin/gcc is a compiler", role="image"),
    ),
    log="line 1\nTraceback é ✓ ]]>",
    log_of="api ready",
)


def written(*proofs: Proof) -> str:
    """Return the document."""
    stream = io.StringIO()
    junit.render(proofs, stream)
    return stream.getvalue()


def test_suites_and_their_counts() -> None:
    """Each variant is a suite; numbers and times are those of its rules."""
    document = JUnitXml.fromstring(written(GOOD, FAILED).encode())
    suites = [*document]
    assert [(each.name, each.tests, each.failures, each.errors, each.skipped) for each in suites] == [
        ("smoke.single", 2, 0, 0, 0),
        ("smoke.multi", 6, 2, 0, 1),
    ]
    assert [each.time for each in suites] == [2.5, 4.062]
    assert (document.tests, document.failures, document.errors, document.skipped) == (8, 2, 0, 1)
    assert document.time == 4.062
    told = [(each.tests, each.failures, each.skipped) for each in suites]
    for suite in suites:
        suite.update_statistics()
    assert [(each.tests, each.failures, each.skipped) for each in suites] == told


def test_cases() -> None:
    """Each rule is a case with class and name; a failure says why, the first one with the end of the log."""
    (suite,) = JUnitXml.fromstring(written(FAILED).encode())
    waived, passed, first, second, skipped, noted = suite
    assert [(case.classname, case.name, case.time) for case in (waived, passed)] == [
        ("multi.image", "no-setuid-files", 0.25),
        ("multi.api", "live", 0.25),
    ]
    assert waived.is_passed
    assert waived.system_out == "Waived: newgrp is setuid; it is the customer's"
    assert passed.is_passed
    assert noted.is_passed
    assert noted.system_out == "Not demanded by this profile: /usr/bin/gcc is a compiler"
    assert passed.system_out is None
    for case, kind, text in (
        (first, Failure, "line 1\nTraceback é ✓ ]]>"),
        (second, Failure, None),
        (skipped, Skipped, None),
    ):
        (result,) = case.result
        assert isinstance(result, kind)
        assert result.text == text
    assert first.result[0].message == 'GET /readyz answered <503> & "no"; start Redis — it\'s down'
    assert skipped.result[0].message == "api ready does not hold"


def test_document_is_ascii_and_the_only_output(capsys: pytest.CaptureFixture[str]) -> None:
    """The document is correct whatever the encoding of standard output, and contains no time of day."""
    junit.render([FAILED])
    out, err = capsys.readouterr()
    assert out.isascii()
    assert out.startswith("<?xml ")
    assert out.endswith("</testsuites>\n")
    assert "timestamp" not in out
    assert not err


def test_no_variants() -> None:
    """Without proofs, the document has no suites."""
    assert list(JUnitXml.fromstring(written().encode())) == []


# Signs of all kinds, often those that XML cannot hold or would change.
texts = st.text(st.one_of(st.characters(), st.sampled_from("\0\x1b\t\r\n\x85\u2028\ufffe\ud800\U0010ffff<>&'\"]")))


@given(texts, texts)
@example("\r\n\0", "]]>\r")
@example(" \t\n ", "\n")
def test_any_text_comes_back(detail: str, log: str) -> None:
    """Whatever a container says, the document parses and has the text, except characters that XML does not allow."""
    failed, waived = check("ready", "failed", detail), check("live", "waived", detail)
    found = ET.fromstring(written(replace(FAILED, checks=(failed, waived), log=log)))  # noqa: S314 - our own document
    failure, out = found.find(".//failure"), found.find(".//system-out")
    assert failure is not None
    assert out is not None
    assert failure.get("message") == quoting.replace_invalid_xml(detail)
    assert (failure.text or "") == quoting.replace_invalid_xml(log)
    assert out.text == f"Waived: {quoting.replace_invalid_xml(detail)}"
