"""Replace a text in a file of an image: `edit.py FILE OLD NEW`; fails where it is not there exactly once.

In NEW, `|` begins a new line.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    file = Path(sys.argv[1])
    old, new = sys.argv[2].encode(), sys.argv[3].replace("|", "\n").encode()
    content = file.read_bytes()
    if content.count(old) != 1:
        sys.exit(f"{file} holds {content.count(old)} times {sys.argv[2]}")
    file.write_bytes(content.replace(old, new))
