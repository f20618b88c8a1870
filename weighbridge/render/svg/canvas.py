"""SVG, made from text that may come from anywhere: rectangles, lines and texts on a canvas that says what it shows."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from weighbridge.quoting import held_by_xml, on_one_line


class Canvas:
    """A picture of a fixed size; texts in it are texts."""

    def __init__(self, width: float, height: float, *, title: str, description: str = "", style: str = "") -> None:
        """Begin a picture.

        Args:
            width: In pixels.
            height: In pixels.
            title: What screen readers say that it is.
            description: What they say that it shows.
            style: CSS of its own.
        """
        self._root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
        self._root.attrib |= {"width": f"{width:g}", "height": f"{height:g}", "viewBox": f"0 0 {width:g} {height:g}"}
        # No ids: two pictures in one page would share them.
        self._root.set("aria-label", _held(f"{title}. {description}" if description else title))
        ET.SubElement(self._root, "title").text = _held(title)
        if description:
            ET.SubElement(self._root, "desc").text = _held(description)
        if style:
            ET.SubElement(self._root, "style").text = style

    def text(self, x: float, y: float, text: str, kind: str = "", *, anchor: str = "start", length: float = 0) -> None:
        """Write a line of text.

        Args:
            x: Where `anchor` is.
            y: The line that it stands on.
            text: What it says.
            kind: A class of the style.
            anchor: `start`, `middle` or `end`.
            length: How long it shall be, in pixels, whatever the font; 0: as it comes.
        """
        about = {"x": f"{x:g}", "y": f"{y:g}"}
        about |= {"class": kind} if kind else {}
        about |= {"text-anchor": anchor} if anchor != "start" else {}
        about |= {"textLength": f"{length:g}"} if length else {}
        ET.SubElement(self._root, "text", about).text = _held(text)

    def rectangle(
        self, x: float, y: float, width: float, height: float, kind: str, *, radius: float = 0, title: str = ""
    ) -> None:
        """Draw a rectangle of that class; its title is told where a pointer rests on it."""
        about = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{width:g}", "height": f"{height:g}", "class": kind}
        drawn = ET.SubElement(self._root, "rect", about | ({"rx": f"{radius:g}"} if radius else {}))
        if title:
            ET.SubElement(drawn, "title").text = _held(title)

    def line(self, x: float, y: float, width: float) -> None:
        """Draw a level line of class `line`."""
        about = {"x1": f"{x:g}", "x2": f"{x + width:g}", "y1": f"{y:g}", "y2": f"{y:g}", "class": "line"}
        ET.SubElement(self._root, "line", about)

    def written(self) -> str:
        """Return the document; in ASCII, so that it is right in whatever encoding it is written."""
        document: bytes = ET.tostring(self._root, encoding="us-ascii")
        return document.decode("ascii") + "\n"


def _held(text: str) -> str:
    return held_by_xml(on_one_line(text))
