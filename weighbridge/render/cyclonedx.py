"""Writes the software bill of materials: CycloneDX 1.6 as JSON, with the bytes of each component.

docs/formats/cyclonedx.md explains the properties and how they add up.

Components are never nested, because scanners such as osv-scanner 2.0 ignore nested ones. The dependencies say which
component contains which.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TextIO
from uuid import UUID, uuid5

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from weighbridge.image.categories import APPLICATION, BASE
from weighbridge.image.packages.ecosystems import ECOSYSTEMS
from weighbridge.model.report import Image, Report
from weighbridge.report.components import Component as Part
from weighbridge.report.components import Inventory
from weighbridge.report.components import take_inventory as inventory
from weighbridge.report.summary import Summary

_SERIAL_NUMBERS = UUID("f24ed6fc-1b7c-4a3c-9d8e-6f0b5f6f9f2d")
_BASIS = "sizes of all regular files in the layers, uncompressed"
_TYPES = {
    APPLICATION: ComponentType.APPLICATION,
    BASE: ComponentType.CONTAINER,
}
_PURLS = {each.category: each.purl for each in ECOSYSTEMS}
_Systems = Mapping[str, tuple[str, str | None]]
"""An ecosystem's category -> vendor and release of the distribution whose packages those of an image are."""


def render(summary: Summary, stream: TextIO | None = None) -> None:
    """Write one document for all images. The same record always gives the same bytes."""
    (stream or sys.stdout).write(build_document(summary.report) + "\n")


def build_document(report: Report) -> str:
    """Return the document. A single image is its subject; several images are components of a subject without bytes."""
    subject, several = _build_subject(report), len(report.images) != 1
    bom = Bom(
        serial_number=_derive_serial_number(report),
        metadata=BomMetaData(
            timestamp=datetime.fromisoformat(report.recorded_at),
            tools=ToolRepository(components=[Component(name="weighbridge", type=ComponentType.APPLICATION)]),
            component=subject,
            properties=_list_properties({"commit": report.commit, "dirty": str(report.dirty).lower()}),
        ),
    )
    held = [_add_contents(bom, image, _describe_image(image) if several else subject) for image in report.images]
    if several:
        bom.components.update(held)
        _link_parts(bom, subject, held)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _build_subject(report: Report) -> Component:
    if len(report.images) == 1:
        return _describe_image(report.images[0])
    return Component(name="images", type=ComponentType.APPLICATION, bom_ref="images")


def _derive_serial_number(report: Report) -> UUID:
    """Return a serial number that depends only on the record."""
    images = (f"{image.variant} {image.id} {image.shipped_bytes}" for image in report.images)
    return uuid5(_SERIAL_NUMBERS, "\n".join((report.recorded_at, report.commit or "", *images)))


def _add_contents(bom: Bom, image: Image, container: Component) -> Component:
    """Add the components of an image to the document, and return the image's own component."""
    found = inventory(image)
    parts = list(_list_parts(image.variant, found)) if found else []
    bom.components.update(parts)
    bom.dependencies.update(Dependency(part.bom_ref) for part in parts)
    _link_parts(bom, container, parts)
    return container


def _link_parts(bom: Bom, whole: Component, parts: Sequence[Component]) -> None:
    """Record which parts a component has. The library's own method takes quadratic time in the number of parts."""
    bom.dependencies.add(Dependency(whole.bom_ref, [Dependency(part.bom_ref) for part in parts]))


def _describe_image(image: Image) -> Component:
    found = inventory(image)
    return Component(
        name=image.reference or image.variant,
        version=image.id,
        type=ComponentType.CONTAINER,
        bom_ref=f"{image.variant}|image",
        properties=_list_properties(
            {
                "variant": image.variant,
                "platform": image.platform,
                "basis": _BASIS,
                "shipped_bytes": image.shipped_bytes,
                "components_bytes": found.components_bytes if found else None,
                "unowned_bytes": found.unowned_bytes if found else None,
                "wasted_bytes": found.wasted_bytes if found else image.wasted_bytes,
                "pull_bytes": image.pull.bytes if image.pull else None,
                "pull_basis": image.pull.basis if image.pull else None,
            }
        ),
    )


def _list_parts(variant: str, found: Inventory) -> Iterator[Component]:
    systems = _find_systems(found.components)
    for name, release in list(systems.values())[:1]:
        yield Component(
            name=name,
            version=release,
            type=ComponentType.OPERATING_SYSTEM,
            bom_ref=f"{variant}|system",
            properties=_list_properties({"variant": variant}),
        )
    for each in found.components:
        yield Component(
            name=each.name,
            version=each.version,
            type=_TYPES.get(each.kind, ComponentType.LIBRARY),
            bom_ref=f"{variant}|{each.kind}|{each.name}|{each.version or ''}",
            purl=_build_purl(each, systems),
            properties=_list_properties(
                {
                    "variant": variant,
                    "kind": each.kind,
                    "bytes": each.bytes,
                    "bytecode_bytes": each.bytecode_bytes or None,
                    "base_bytes": each.base_bytes or None,
                }
            ),
        )


def _list_properties(values: Mapping[str, str | int | None]) -> list[Property]:
    """Return the values that are known, under names with our prefix."""
    return [
        Property(name=f"weighbridge:{name}", value=str(value)) for name, value in values.items() if value is not None
    ]


def _build_purl(part: Part, systems: _Systems) -> PackageURL | None:
    """Return the package's URL. It has no architecture, because a record does not contain that."""
    if part.kind not in _PURLS:
        return None
    purl = _PURLS[part.kind]
    vendor, release = systems.get(part.kind, (purl.vendor, None))
    scope, name = _split_scope(part.name) if purl.is_scoped else ("", part.name)
    if not name.replace("/", "").strip():  # of which the library makes no URL
        return None
    found = re.fullmatch(purl.version, part.version or "")
    known = {field: text for field, text in (found.groupdict() if found else {}).items() if text}
    version = known.pop("version", None)
    if release:
        known["distro"] = f"{vendor}-{release}"
    return PackageURL(purl.type, scope or vendor, name, version, known)


def _split_scope(name: str) -> tuple[str, str]:
    scope, _, last = name.rpartition("/")
    return scope, last


def _find_systems(parts: Sequence[Part]) -> _Systems:
    """Return distributions and their releases, from the versions of the packages that describe the distribution.

    Scanners need both to find a package's advisories.
    """
    versions = {(each.kind, each.name): each.version or "" for each in parts}
    found = dict[str, tuple[str, str | None]]()
    for ecosystem in ECOSYSTEMS:
        for each in ecosystem.distributions:
            version = versions.get((ecosystem.category, each.package))
            if version and (match := re.match(each.release, version)):
                found.setdefault(ecosystem.category, (each.vendor, match[1] or None))
    return found
