"""The limits of what is read of one image, so that a hostile image costs no more memory or time than a large one.

docs/limits.md says what each counts; docs/decisions/0022-limits-of-an-image.md says how the defaults were chosen.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that one image may have. A value that equals its limit is within it."""

    layers: int = 1_000
    """Engines build no image with more than some 128."""
    history_steps: int = 10_000
    """Steps in the config's history, those without a layer included."""
    entries: int = 1_000_000
    """Entries of all layers, and folders that an entry lies in but no entry lists. The largest images that we know
    have some 400,000."""
    unpacked_bytes: int = 256 * 10**9
    """Bytes of all layers' archives after decompression."""
    document_bytes: int = 256 * 10**6
    """Bytes that are kept as they are: manifests, configs, package databases, paths and link targets."""
    seconds: float = 3600
    """From the first byte to the last, the time in which a source sends nothing included."""


DEFAULT = Limits()
