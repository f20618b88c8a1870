"""Judges and shows the hits of a scan: the words that the rules on images have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from weighbridge import secret_detection
from weighbridge.image.prelude import strip_prelude
from weighbridge.model.scan import Kind, ScanHit, ScannedImage
from weighbridge.quoting import flatten, shorten
from weighbridge.smoke.rule_failed import CheckFailed

_SHOWN_CHARACTERS = 70
_BASE_REMEDIES: Mapping[Kind, str] = {
    "secret": "choose another base: whoever pulls this image gets the base's layers, whatever a later one deletes",
    "setuid": (
        "remove the bits in the final stage, with RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} +, "
        "or choose another base"
    ),
    "compiler": (
        "let the final stage stand on a base without it, such as a slim tag; "
        "deleting it there hides it, but saves no byte"
    ),
    "writable": "let root own it in the final stage, with RUN chown, or choose another base",
    "foreign-code": "choose a base for the image's platform",
}
_BASE_REMEDY = "delete it in the final stage, or choose another base"
"""What to do about hits in the base's layers, by their kind, and about those of any other kind."""


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
        raise build_failure(contents, found, lambda hit: f"{describe(hit)}{show_instruction(hit)}", remedy)
    return seen


def build_failure(
    contents: ScannedImage, found: Sequence[ScanHit], describe: Callable[[ScanHit], str], remedy: str
) -> CheckFailed:
    """Return why a rule fails: by the first hit in the team's own layers or, if all are in the base's, by its first.

    Args:
        contents: The scanned image.
        found: The hits to object to, at least one, all of one kind; each path counts once.
        describe: Returns what is wrong about a hit, in words.
        remedy: What to do about a hit in the team's own layers.
    """
    base = f"the base image {show(contents.base)}"
    own = [trace for trace in found if trace.layer >= contents.base_layers]
    inherited = [trace for trace in found if trace.layer < contents.base_layers]
    if not own:
        # The instruction is one of somebody else's Dockerfile.
        told = describe(replace(inherited[0], instruction=""))
        remedy = _BASE_REMEDIES.get(inherited[0].kind, _BASE_REMEDY)
        return CheckFailed(f"{base} brings it: {told}{_count_more(contents, inherited)}; {remedy}", from_base=True)
    more = f"{_count(contents, inherited)} in {base}" if inherited else ""
    return CheckFailed(f"{describe(own[0])}{_count_more(contents, own)}{more}; {remedy}")


def select_live(contents: ScannedImage, kind: Kind) -> list[ScanHit]:
    """Return the hits of a kind that a container sees; those in the team's own layers come before those of the base."""
    found = [trace for trace in contents.traces if trace.kind == kind and trace.live]
    return sorted(found, key=lambda trace: trace.layer < contents.base_layers)


def show_path(trace: ScanHit) -> str:
    """Return a hit's path for people."""
    return show(trace.path, 200)


def show_instruction(trace: ScanHit) -> str:
    """Return the instruction that brought a hit, in brackets; empty if it is not known."""
    return f" (`{show(strip_prelude(trace.instruction))}`)" if trace.instruction else ""


def _count_more(contents: ScannedImage, found: Sequence[ScanHit]) -> str:
    """Return how many paths besides the first were found, as the end of a sentence."""
    return _count(contents, [trace for trace in found if trace.path != found[0].path])


def _count(contents: ScannedImage, found: Sequence[ScanHit]) -> str:
    """Return how many more paths these are, as the end of a sentence."""
    return describe_more(
        len({trace.path for trace in found}), at_least=any(each.kind in contents.cut for each in found)
    )


def describe_more(count: int, *, at_least: bool = False) -> str:
    """Return how many more there are, as the end of a sentence; empty if there are none."""
    if not count:
        return ""
    return f", and {'at least ' if at_least else ''}{count} more"


def show(text: str, characters: int = _SHOWN_CHARACTERS) -> str:
    """Return foreign text on one line, without secrets and, if it is long, without its end."""
    return shorten(flatten(secret_detection.redact(text), mark=" "), characters, end=" …")
