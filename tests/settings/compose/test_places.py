"""Places name file, service and key, on one line."""

from __future__ import annotations

from weighbridge.settings.compose.places import Place


def test_path() -> None:
    """A place names the way from the file to it, in the error and in the note."""
    place = Place("compose.yaml")
    inner = place.at("services").at("api").at("ports").item(0)
    inner.leave_out()

    assert str(inner.refuse("it is wrong")) == (
        "compose.yaml: services.api.ports[0]: it is wrong. Correct it in compose.yaml."
    )
    assert place.notes == ["services.api.ports[0] is not understood and is left out"]


def test_file_itself() -> None:
    """An error about a file as a whole names the file alone."""
    assert str(Place("a.yaml").refuse("it is wrong")) == "a.yaml: it is wrong. Correct it in a.yaml."


def test_foreign_signs() -> None:
    """A key or a name of a file that would break the line, or hide a part of it, does not."""
    text = str(Place("a\nb\u202e.yaml").at("x\n\x1b[31m" + "y" * 500).refuse("it is wrong"))
    assert text.isprintable()
    assert len(text) < 250
