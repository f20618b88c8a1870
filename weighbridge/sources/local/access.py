"""Tells whether an engine's folder can be read, before what reads it is loaded."""

from __future__ import annotations

import os

from weighbridge.model.engine import DataRoot


def find_obstacle(root: DataRoot) -> str:
    """Return why nothing can be read in an engine's folder, as the second half of a sentence; empty if it seems open.

    The readers find out the rest: this looks at the folder's name alone.
    """
    if root.obstacle or root.store != "overlay2":
        return root.obstacle
    try:
        os.close(os.open(root.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
