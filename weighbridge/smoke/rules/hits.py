"""Judges and shows the hits of a scan: the words that the rules on images have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection

from weighbridge import secret_detection
from weighbridge.image.prelude import strip_prelude
from weighbridge.model.scan import Kind, ScanHit, ScannedImage
from weighbridge.quoting import flatten, shorten
from weighbridge.smoke.rule_failed import CheckFailed

_SHOWN_CHARACTERS = 70


def check_none(contents: ScannedImage, kind: Kind, seen: str, describe: Callable[[ScanHit], str], remedy: str) -> str:
    """Return `seen` if a container sees no hit of this kind; else raise `CheckFailed` about the first.

    Args:
        contents: The scanned image.
        kind: The kind of hit to look for.
        seen: What to say if there is none.
        describe: Returns what is wrong about a hit, in words.
        remedy: What to do about it.
    """
    found = select_live(contents, kind)
    if found:
        raise CheckFailed(f"{describe(found[0])}{show_instruction(found[0])}{count_more(contents, found)}; {remedy}")
    return seen


def select_live(contents: ScannedImage, kind: Kind) -> list[ScanHit]:
    """Return the hits of a kind that a container sees."""
    return [trace for trace in contents.traces if trace.kind == kind and trace.live]


def show_path(trace: ScanHit) -> str:
    """Return a hit's path for people."""
    return show(trace.path, 200)


def show_instruction(trace: ScanHit) -> str:
    """Return the instruction that brought a hit, in brackets; empty if it is not known."""
    return f" (`{show(strip_prelude(trace.instruction))}`)" if trace.instruction else ""


def count_more(contents: ScannedImage, found: Collection[ScanHit]) -> str:
    """Return how many paths besides the first were found, as the end of a sentence."""
    first = next(iter(found))
    return describe_more(len({trace.path for trace in found}) - 1, at_least=first.kind in contents.cut)


def describe_more(count: int, *, at_least: bool = False) -> str:
    """Return how many more there are, as the end of a sentence; empty if there are none."""
    if not count:
        return ""
    return f", and {'at least ' if at_least else ''}{count} more"


def show(text: str, characters: int = _SHOWN_CHARACTERS) -> str:
    """Return foreign text on one line, without secrets and, if it is long, without its end."""
    return shorten(flatten(secret_detection.redact(text), mark=" "), characters, end=" …")
