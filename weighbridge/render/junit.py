"""Writes the result of a smoke test as JUnit XML for CI: one suite per variant, one case per rule."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO, assert_never
from xml.etree import ElementTree as ET

from weighbridge.model.smoke import Check, Outcome, Proof
from weighbridge.quoting import replace_invalid_xml


def render(proofs: Sequence[Proof], stream: TextIO | None = None) -> None:
    """Write the document, in ASCII, so that it is correct whatever the encoding of the stream."""
    checks = [check for proof in proofs for check in proof.checks]
    longest = max((proof.seconds for proof in proofs), default=0)  # they run side by side
    root = ET.Element("testsuites", {"name": "smoke", **_count_outcomes(checks), "time": _format_seconds(longest)})
    for proof in proofs:
        root.append(_build_suite(proof))
    ET.indent(root)
    (stream or sys.stdout).write(ET.tostring(root, encoding="us-ascii", xml_declaration=True).decode("ascii") + "\n")


def _build_suite(proof: Proof) -> ET.Element:
    about = {"name": f"smoke.{proof.variant}", **_count_outcomes(proof.checks), "time": _format_seconds(proof.seconds)}
    suite = ET.Element("testsuite", about)
    for check in proof.checks:
        suite.append(_build_case(proof, check))
    return suite


def _build_case(proof: Proof, check: Check) -> ET.Element:
    case = ET.Element(
        "testcase", classname=f"{proof.variant}.{check.role}", name=check.rule, time=_format_seconds(check.seconds)
    )
    detail = replace_invalid_xml(check.detail)
    match check.outcome:
        case "failed":
            failure = ET.SubElement(case, "failure", message=detail)
            if check.title == proof.log_of:
                failure.text = replace_invalid_xml(proof.log)
        case "skipped":
            ET.SubElement(case, "skipped", message=detail)
        case "waived":
            ET.SubElement(case, "system-out").text = f"Waived: {detail}"
        case "noted":
            ET.SubElement(case, "system-out").text = f"Not demanded by this profile: {detail}"
        case "passed":
            pass
        case _:
            assert_never(check.outcome)
    return case


def _count_outcomes(checks: Sequence[Check]) -> dict[str, str]:
    def count(outcome: Outcome) -> str:
        return str(sum(check.outcome == outcome for check in checks))

    return {"tests": str(len(checks)), "failures": count("failed"), "errors": "0", "skipped": count("skipped")}


def _format_seconds(value: float) -> str:
    return f"{value:.3f}"
