"""Lists an image's components: packages, the application and the base. With the rest, they add up to all its bytes.

A component's bytes are those that a container sees, from any layer: a package is one component, whether the base or
the image itself installed it. Bytecode counts to the component that it was compiled from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from weighbridge.image.categories import APPLICATION, BASE, BYTECODE, UNOWNED, WASTED
from weighbridge.image.packages.ecosystems import ECOSYSTEMS
from weighbridge.model.report import Image, LedgerRow

UNKNOWN = "unknown"
_PACKAGES = tuple(each.category for each in ECOSYSTEMS)
_KINDS = (*_PACKAGES, UNKNOWN, APPLICATION, BASE)
"""If several components share a name, their bytecode counts to the first kind in this order."""
_Key = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A part of an image that has a name of its own."""

    kind: str
    """An ecosystem's category, such as `debian`; `application`, `base`, or `unknown`: a package of the base in a record
    that does not tell its manager."""
    name: str
    """The name of the component `base` is its reference, and its bytes are the base's files that no package owns."""
    version: str | None
    bytes: int
    """Without the bytecode."""
    bytecode_bytes: int
    base_bytes: int
    """How much of `bytes` and `bytecode_bytes` is in the base's layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All bytes of an image: those of its components with their bytecode, those without an owner, and wasted ones."""

    components: tuple[Component, ...]
    """By kind, name and version."""
    unowned_bytes: int
    wasted_bytes: int

    @property
    def components_bytes(self) -> int:
        """The bytes of all components, including bytecode."""
        return sum(each.bytes + each.bytecode_bytes for each in self.components)


def take_inventory(image: Image) -> Inventory | None:
    """Return an image's components; None if its record has no ledger."""
    if image.shipped_bytes and not image.ledger:
        return None
    return _Sums(image).build_inventory()


class _Sums:
    """Sums up a ledger's bytes by component."""

    def __init__(self, image: Image) -> None:
        self._base = (BASE, image.base.reference if image.base else BASE, None)
        self._versions = {row.name for row in image.ledger if row.category == BASE and row.version}
        self._bytes, self._bytecode, self._in_base = Counter[_Key](), Counter[_Key](), Counter[_Key]()
        self._nobody = Counter[str]()
        bytecode = []
        for row in image.ledger:
            if self._infer_kind(row) == BYTECODE:
                bytecode.append(row)
            elif row.category in (UNOWNED, WASTED):
                self._nobody[row.category] += row.bytes
            else:
                self._add(self._bytes, self._make_key(row), row)
        owners = self._find_owners()
        for row in bytecode:  # only now are all components known that it may belong to
            self._add(self._bytecode, owners.get(row.name) or self._find_surrounding(row), row)

    def build_inventory(self) -> Inventory:
        """Return the sums."""
        keys = sorted({*self._bytes, *self._bytecode}, key=lambda key: (_KINDS.index(key[0]), key[1], key[2] or ""))
        return Inventory(
            components=tuple(
                Component(
                    kind=key[0],
                    name=key[1],
                    version=key[2],
                    bytes=self._bytes[key],
                    bytecode_bytes=self._bytecode[key],
                    base_bytes=self._in_base[key],
                )
                for key in keys
            ),
            unowned_bytes=self._nobody[UNOWNED],
            wasted_bytes=self._nobody[WASTED],
        )

    def _add(self, sums: Counter[_Key], key: _Key | None, row: LedgerRow) -> None:
        if key is None:
            self._nobody[UNOWNED] += row.bytes
            return
        sums[key] += row.bytes
        if row.category == BASE:
            self._in_base[key] += row.bytes

    def _infer_kind(self, row: LedgerRow) -> str:
        """Return a row's kind. For rows of the base in older records, which have no kind, infer it from the name."""
        if row.category != BASE or row.kind:
            return row.kind or row.category
        if row.name.startswith("/"):  # a folder that no package owns, or its bytecode
            return UNOWNED
        return BYTECODE if row.version is None and row.name in self._versions else UNKNOWN

    def _make_key(self, row: LedgerRow) -> _Key:
        kind = self._infer_kind(row)
        if row.category == BASE and kind not in (*_PACKAGES, UNKNOWN):
            return self._base
        return kind, row.name, row.version

    def _find_owners(self) -> dict[str, _Key]:
        """Return name -> the component that its bytecode counts to: of several, the largest one of the first kind."""
        found = sorted(self._bytes, key=lambda key: (_KINDS.index(key[0]), -self._bytes[key], key[2] or ""))
        return {key[1]: key for key in reversed(found) if key[0] != BASE}

    def _find_surrounding(self, row: LedgerRow) -> _Key | None:
        """Return the component for bytecode whose name is not a component's; None if there is none."""
        if row.category == BASE:
            return self._base
        return next((key for key in self._iterate_application() if row.name.startswith(f"{key[1]}/")), None)

    def _iterate_application(self) -> Iterable[_Key]:
        return (key for key in self._bytes if key[0] == APPLICATION)
