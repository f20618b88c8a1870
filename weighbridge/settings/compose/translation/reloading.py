"""Takes out of a command that it starts anew when its code changes, which never happens in a container of an image."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WITH_VALUE = ("dir", "include", "exclude", "delay", "engine", "extra-file", "paths", "ignore-dirs", "tick")
_OPTION = re.compile(rf"--reload(?:-(?:{'|'.join(_WITH_VALUE)})(?P<value>=.*)?)?", re.DOTALL)
_IN_LINE = re.compile(rf"\s+--reload(?:-(?:{'|'.join(_WITH_VALUE)})(?:=|\s+)\S+)?(?=\s|$)")
_DEV_IN_LINE = re.compile(r"\bfastapi(\s+)dev\b")


def drop_reload(words: Sequence[str]) -> tuple[str, ...]:
    """Return a command that starts the same server once: without `--reload`, and `fastapi run` for `fastapi dev`."""
    kept, skip = list[str](), False
    for word in words:
        option = _OPTION.fullmatch(word)
        if skip:
            skip = False
        elif option:
            skip = word != "--reload" and option["value"] is None
        elif word == "dev" and kept and kept[-1].rpartition("/")[2] == "fastapi":
            kept.append("run")
        elif any(sign.isspace() for sign in word):
            kept.append(_DEV_IN_LINE.sub(r"fastapi\1run", _IN_LINE.sub("", word)))
        else:
            kept.append(word)
    return tuple(kept)
