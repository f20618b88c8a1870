"""Writes a report as one HTML page that loads nothing. Its map zooms; without scripts, the page shows the same data."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from weighbridge.image.categories import CATEGORIES, get_title
from weighbridge.image.prelude import strip_prelude
from weighbridge.quoting import escape
from weighbridge.render import colours, overview, verdict
from weighbridge.render.html import tables, treemap, trend
from weighbridge.report import advice
from weighbridge.report.units import format_seconds, format_size

if TYPE_CHECKING:
    from jinja2 import Template

    from weighbridge.model.report import Report
    from weighbridge.model.tree import Node
    from weighbridge.report.summary import Summary

_FOLDER = Path(__file__).parent
_STYLE = "style.css"
_SCRIPTS = ("d3-hierarchy.min.js", "script.js")
_LICENCE = "d3-hierarchy.LICENSE"
LARGEST = 1_000_000
"""The most bytes of a page: mails and comments accept such an attachment, and a browser opens it at once."""
_COARSENESS = 1, 3, 9, 27


def render(summary: Summary, stream: TextIO | None = None) -> None:
    """Write the page, in UTF-8. If the summary has no tree of an image, its map shows owners and layers."""
    (stream or sys.stdout).write(build_page(summary, summary.trees()))


def build_page(summary: Summary, trees: Mapping[str, Node]) -> str:
    """Return the page. Text from outside is escaped, including characters that are not printable.

    If the page would be longer than `LARGEST`, its maps get coarser.
    """
    for coarseness in _COARSENESS:
        text = _build_page(summary, trees, coarseness)
        if len(text.encode()) <= LARGEST:
            break
    return text


def _build_page(summary: Summary, trees: Mapping[str, Node], coarseness: int) -> str:
    report = summary.report
    maps = treemap.build_maps(report, trees, coarseness)
    columns, rows = tables.list_answers(summary)
    choice = advice.choose_image(summary)
    return _load_template().render(
        report=report,
        summary=summary,
        columns=columns,
        answers=rows,
        standings=[
            (image.variant, summary.standings[image.variant])
            for image in report.images
            if image.variant in summary.standings
        ],
        choice=choice,
        reason=advice.explain_choice(summary),
        proven=overview.describe_proof(summary, choice.variant) if choice else "",
        faults=". ".join(verdict.list_faults(summary)),
        change=verdict.describe_change(summary),
        cut=advice.choose_cut(choice) if choice else None,
        changes=tables.list_changes(summary),
        owners=tables.list_owners(report),
        wastes=tables.list_waste(report),
        rebuilds=list(tables.list_rebuilds(report)),
        findings=[(image.variant, finding) for image in report.images for finding in image.findings],
        categories=_list_categories(report),
        maps=[(shown, treemap.build_tiles(shown.root, coarseness)) for shown in maps],
        opened=next((place for place, shown in enumerate(maps) if choice and shown.variant == choice.variant), 0),
        data=[treemap.export_map(shown) for shown in maps],
        charts=trend.build_charts(summary.history(), report),
        points=trend.list_points(summary.history(), report),
        policy=_build_policy(),
        licence=_read(_LICENCE),
        style=_build_style(),
        scripts=[_read(name) for name in _SCRIPTS],
    )


def _list_categories(report: Report) -> dict[str, str]:
    """Return the titles of the categories that the images of a report have, in the order of a ledger."""
    found = {row.category for image in report.images for row in image.ledger}
    return {name: category.title for name, category in CATEGORIES.items() if name in found}


@cache
def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


@cache
def _build_style() -> str:
    """Return the page's style, with the colours of the categories."""
    light, dark = (
        "".join(f".c-{name}{{fill:{colour};background-color:{colour}}}\n" for name, colour in areas.items())
        for areas in map(colours.compute_areas, (colours.LIGHT, colours.DARK))
    )
    return f"{_read(_STYLE)}{light}@media (prefers-color-scheme: dark){{\n{dark}}}\n"


def _build_policy() -> str:
    """Return a content security policy that blocks all loading, and all scripts and styles except the page's own."""
    scripts = " ".join(_hash(_read(name)) for name in _SCRIPTS)
    style = _hash(_build_style())
    return f"default-src 'none'; style-src {style}; script-src {scripts}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _load_template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only this format needs it
    from markupsafe import Markup  # noqa: PLC0415 - as above

    from weighbridge.render.html.compiled import Compiled  # noqa: PLC0415 - as above

    def shown(value: Any) -> Any:
        """Make a value printable before it is written, unless the template itself made it."""
        return escape(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=Compiled(),
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    environment.filters |= {
        "size": format_size,
        "known": overview.format_bytes,
        "signed": overview.format_delta,
        "pulled": overview.format_pull,
        "seconds": format_seconds,
        "moment": overview.format_moment,
        "many": tables.format_count,
        "pull_of": overview.read_layer_pull,
        "label": get_title,
        "versions": tables.format_versions,
        "origin": overview.name_origin,
        "stands_on": overview.describe_base,
        "strip_prelude": strip_prelude,
    }
    environment.globals |= {
        "treemap": treemap,
        "trend": trend,
    }
    return environment.get_template("report.html")
