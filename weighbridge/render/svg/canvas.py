"""Draws SVG from untrusted text: rectangles, lines and texts, with a description for screen readers."""

from __future__ import annotations

from typing import Literal
from xml.etree import ElementTree as ET

from weighbridge.quoting import flatten, replace_invalid_xml

Anchor = Literal["start", "middle", "end"]


class Canvas:
    """A picture of a fixed size. Its texts stay texts, so they can be selected and searched."""

    def __init__(self, width: float, height: float, *, title: str, description: str = "", style: str = "") -> None:
        """Begin a picture.

        Args:
            width: In pixels.
            height: In pixels.
            title: What screen readers call the picture.
            description: What screen readers say the picture shows.
            style: The picture's CSS.
        """
        self._root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
        self._root.attrib |= {"width": f"{width:g}", "height": f"{height:g}", "viewBox": f"0 0 {width:g} {height:g}"}
        # No ids: two pictures in one page would share them.
        self._root.set("aria-label", _clean(f"{title}. {description}" if description else title))
        ET.SubElement(self._root, "title").text = _clean(title)
        if description:
            ET.SubElement(self._root, "desc").text = _clean(description)
        if style:
            ET.SubElement(self._root, "style").text = style

    def draw_text(
        self, x: float, y: float, text: str, kind: str = "", *, anchor: Anchor = "start", length: float = 0
    ) -> None:
        """Write a line of text.

        Args:
            x: The position of `anchor`.
            y: The position of the baseline.
            text: The text.
            kind: A class of the style.
            anchor: Which part of the text is at `x`.
            length: The width of the text in pixels, whatever the font; 0 for its natural width.
        """
        about = {"x": f"{x:g}", "y": f"{y:g}"}
        about |= {"class": kind} if kind else {}
        about |= {"text-anchor": anchor} if anchor != "start" else {}
        about |= {"textLength": f"{length:g}"} if length else {}
        ET.SubElement(self._root, "text", about).text = _clean(text)

    def draw_rectangle(
        self, x: float, y: float, width: float, height: float, kind: str, *, radius: float = 0, title: str = ""
    ) -> None:
        """Draw a rectangle of that class. Its title is shown when the pointer rests on it."""
        about = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{width:g}", "height": f"{height:g}", "class": kind}
        drawn = ET.SubElement(self._root, "rect", about | ({"rx": f"{radius:g}"} if radius else {}))
        if title:
            ET.SubElement(drawn, "title").text = _clean(title)

    def draw_line(self, x: float, y: float, width: float) -> None:
        """Draw a horizontal line of class `line`."""
        about = {"x1": f"{x:g}", "x2": f"{x + width:g}", "y1": f"{y:g}", "y2": f"{y:g}", "class": "line"}
        ET.SubElement(self._root, "line", about)

    def serialise(self) -> str:
        """Return the document in ASCII, so that it is correct in any encoding."""
        document: bytes = ET.tostring(self._root, encoding="us-ascii")
        return document.decode("ascii") + "\n"


def _clean(text: str) -> str:
    return replace_invalid_xml(flatten(text))
