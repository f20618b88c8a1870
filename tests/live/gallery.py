"""Awkward images, each a few instructions on a small base, and what they waste.

The seven in `DIVE` are those that dive 0.13.1 gets wrong, a hundredth of the size; the last is its own unit test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DELETED_FILE, DELETED_DIRECTORY, OPAQUE_DIRECTORY = "deleted-file", "deleted-directory", "opaque-directory"
REPLACED, METADATA_ONLY = "replaced", "metadata-only"
BIG, SMALL = 1_000_000, 100_000
TREE: Mapping[str, int] = {
    "one": 300_000,
    "two": 1,
    "empty": 0,
    "inner/three": 70_001,
    "inner/deeper/four": 4_097,
    "inner/deeper/deepest/five": 512,
    "other/one": 10_000,
}
ALL, INNER = sum(TREE.values()), 70_001 + 4_097 + 512
LONG = "n" * 255
DEEP = "/".join(["a-directory-with-a-name-of-forty-letters"] * 12)
BASE = "tiny"
"""The stage that the images stand on, their layer 0: a shell and a few commands."""
Lost = tuple[str, int, int, int, str]
"""A row of waste: cause, bytes, layer that shipped them, layer that hid them, path."""


@dataclass(frozen=True, slots=True)
class Case:
    """An image of the gallery."""

    name: str
    instructions: str
    """What follows FROM; each makes one layer, ENV and VOLUME aside."""
    lost: tuple[Lost, ...] = ()
    """The rows of its waste, in any order."""
    otherwise: tuple[Lost, ...] | None = None
    """The same where the engine finds out what changed by comparing two trees, as the containerd store does."""
    base: str = BASE


DIVE = (
    Case("chown-all", "COPY big /data/\nRUN chown -R 7:7 /data", ((METADATA_ONLY, BIG, 1, 2, "/data/big"),)),
    Case("file-deleted", "COPY big /data/\nRUN rm /data/big", ((DELETED_FILE, BIG, 1, 2, "/data/big"),)),
    Case("directory-deleted", "COPY big /data/\nRUN rm -rf /data", ((DELETED_DIRECTORY, BIG, 1, 2, "/data"),)),
    Case(
        "directory-made-anew",
        "COPY big /data/\nRUN rm -rf /data && mkdir /data && head -c 10000 /dev/zero > /data/new",
        ((OPAQUE_DIRECTORY, BIG, 1, 2, "/data"),),
        ((DELETED_FILE, BIG, 1, 2, "/data/big"),),
    ),
    Case(
        "small-by-large",
        f"COPY small /data/file\nRUN head -c {9 * SMALL} /dev/zero > /data/file",
        ((REPLACED, SMALL, 1, 2, "/data/file"),),
    ),
    Case("one-layer", "COPY big /data/", base="scratch"),
    Case(
        "dives-own-test",
        "COPY etc1 /etc/nginx/\nCOPY etc2 /etc/\nRUN rm -rf /etc/nginx",
        (
            (REPLACED, 2000, 1, 2, "/etc/nginx/nginx.conf"),
            (DELETED_DIRECTORY, 3000, 1, 3, "/etc/nginx"),
            (DELETED_DIRECTORY, 5000, 2, 3, "/etc/nginx"),
        ),
    ),
)
_DIRECTORIES = (
    Case(
        "deep-directory-deleted",
        "COPY tree /data/a/b/c/\nRUN rm -rf /data/a",
        ((DELETED_DIRECTORY, ALL, 1, 2, "/data/a"),),
    ),
    Case(
        "names-kept",
        "COPY tree /data/\nRUN cd /data && rm -rf one two inner && mkdir -p inner/deeper"
        " && for file in one two inner/three inner/deeper/four; do head -c 1234 /dev/zero > $file; done",
        ((REPLACED, 300_001, 1, 2, "/data"), (OPAQUE_DIRECTORY, INNER, 1, 2, "/data/inner")),
        (
            (REPLACED, 300_001, 1, 2, "/data"),
            (REPLACED, 70_001, 1, 2, "/data/inner/three"),
            (REPLACED, 4_097, 1, 2, "/data/inner/deeper/four"),
            (DELETED_DIRECTORY, 512, 1, 2, "/data/inner/deeper/deepest"),
        ),
    ),
    Case(
        "name-kept-in-new-directory",
        "COPY tree /data/\nRUN rm -rf /data && mkdir /data && head -c 9 /bin/sh > /data/one",
        ((OPAQUE_DIRECTORY, ALL, 1, 2, "/data"),),
        (
            (REPLACED, 300_000, 1, 2, "/data/one"),
            (DELETED_DIRECTORY, INNER, 1, 2, "/data/inner"),
            (DELETED_DIRECTORY, 10_000, 1, 2, "/data/other"),
            (DELETED_FILE, 1, 1, 2, "/data/two"),
        ),
    ),
    Case(
        "directory-moved",
        "COPY tree /data/old/\nRUN mv /data/old /data/new",
        ((DELETED_DIRECTORY, ALL, 1, 2, "/data/old"),),
    ),
    Case(
        "directory-over-its-twin",
        "COPY tree /a/\nCOPY tree /b/\nRUN rm -rf /b && mv /a /b",
        ((DELETED_DIRECTORY, ALL, 1, 3, "/a"), (OPAQUE_DIRECTORY, ALL, 2, 3, "/b")),
        ((DELETED_DIRECTORY, ALL, 1, 3, "/a"),),
    ),
    Case(
        "directory-for-file",
        "COPY big /data/thing\nRUN rm /data/thing && mkdir /data/thing && touch /data/thing/x",
        ((REPLACED, BIG, 1, 2, "/data/thing"),),
    ),
    Case(
        "file-for-directory",
        "COPY tree /data/thing/\nRUN rm -rf /data/thing && head -c 77 /bin/sh > /data/thing",
        ((REPLACED, ALL, 1, 2, "/data/thing"),),
    ),
    Case(
        "directory-for-link",
        "COPY tree /tree/\nRUN ln -s tree /link\nRUN rm /link && mkdir /link && cp /tree/one /link",
    ),
    Case(
        "link-for-directory",
        "COPY tree /tree/\nCOPY tree /copy/\nRUN rm -rf /copy && ln -s tree /copy",
        ((REPLACED, ALL, 2, 3, "/copy"),),
    ),
    Case(
        "through-linked-directory",
        "RUN mkdir -p /usr/real && ln -s usr/real /lib0\nCOPY big /lib0/\nRUN cp /lib0/big /lib0/x\nRUN rm /lib0/big",
        ((DELETED_FILE, BIG, 2, 4, "/usr/real/big"),),
    ),
    Case(
        "links-in-circles",
        "RUN mkdir /d && ln -s . /d/self && ln -s a /d/b && ln -s b /d/a && ln -s /nowhere /d/n\n"
        "COPY big /d/self/\nRUN chmod 600 /d/self/self/big",
        ((METADATA_ONLY, BIG, 2, 3, "/d/big"),),
    ),
    Case(
        "base-directory-grown",
        "COPY tree /data/\nCOPY big /bin/\nRUN rm -rf /bin/big /data/inner",
        ((DELETED_FILE, BIG, 2, 3, "/bin/big"), (DELETED_DIRECTORY, INNER, 1, 3, "/data/inner")),
    ),
    Case("volume", "COPY big /data/\nVOLUME /data\nRUN rm -f /data/big", ((DELETED_FILE, BIG, 1, 2, "/data/big"),)),
)
_FILES = (
    Case("one-mode", "COPY tree /d/\nRUN chmod 600 /d/inner/three", ((METADATA_ONLY, 70_001, 1, 2, "/d/inner/three"),)),
    Case("one-time", "COPY tree /d/\nRUN touch -d 2001-01-01 /d/one", ((METADATA_ONLY, 300_000, 1, 2, "/d/one"),)),
    Case("setuid", "COPY big /data/\nRUN chmod 6755 /data/big", ((METADATA_ONLY, BIG, 1, 2, "/data/big"),)),
    Case(
        "extended-attributes",
        "COPY --from=files /capable /data/\nRUN touch -d 2001-01-01 /data/capable",
        ((METADATA_ONLY, SMALL, 1, 2, "/data/capable"),),
    ),
    Case(
        "files-swapped",
        "COPY big small /data/\nRUN cd /data && mv big x && mv small big && mv x small",
        ((REPLACED, BIG + SMALL, 1, 2, "/data"),),
    ),
    Case(
        "truncated-and-grown",
        "COPY big small /data/\nRUN truncate -s 10 /data/big && echo >> /data/small",
        ((REPLACED, BIG + SMALL, 1, 2, "/data"),),
    ),
    Case(
        "copied-thrice",
        "COPY big /data/\nCOPY --chown=7:7 big /data/\nCOPY big /data/",
        ((METADATA_ONLY, BIG, 1, 2, "/data/big"), (METADATA_ONLY, BIG, 2, 3, "/data/big")),
    ),
    Case(
        "deleted-and-made-anew",
        "COPY big /data/\nRUN rm /data/big\nRUN head -c 5000 /bin/sh > /data/big\nCOPY big /data/big",
        ((DELETED_FILE, BIG, 1, 2, "/data/big"), (REPLACED, 5000, 3, 4, "/data/big")),
    ),
    Case(
        "equal-instructions",
        "\n".join(["RUN head -c 1000 /bin/sh > /file"] * 3),
        ((METADATA_ONLY, 1000, 1, 2, "/file"), (METADATA_ONLY, 1000, 2, 3, "/file")),
    ),
    Case("same-layer-again", "COPY small /x\nRUN rm /x\nCOPY small /x", ((DELETED_FILE, SMALL, 1, 2, "/x"),)),
    Case(
        "eight-places",
        "RUN mkdir /0 && cd /0 && mkdir 0 1 2 3 4 5 6 7 && for one in *; do echo $one > $one/x; done\nRUN rm /0/*/x",
        tuple((DELETED_FILE, 2, 1, 2, f"/0/{number}/x") for number in range(8)),
    ),
    Case(
        "nine-places",
        "RUN mkdir /0 && cd /0 && mkdir 0 1 2 3 4 5 6 7 8 && for one in *; do echo $one > $one/x; done\nRUN rm /0/*/x",
        ((DELETED_FILE, 18, 1, 2, "/0"),),
    ),
    Case("link-for-file", "COPY big small /data/\nRUN ln -sf small /data/big", ((REPLACED, BIG, 1, 2, "/data/big"),)),
    Case("hard-links", "RUN head -c 50000 /dev/zero > /a && ln /a /b && mkdir /d && ln /a /d/c"),
    Case(
        "hard-link-to-lower-file",
        "COPY big /data/\nRUN ln /data/big /data/again",
        ((METADATA_ONLY, BIG, 1, 2, "/data/big"),),
        (),
    ),
    Case("one-of-two-links-deleted", "RUN head -c 50000 /dev/zero > /a && ln /a /b\nRUN rm /a"),
    Case(
        "both-links-deleted",
        "RUN head -c 50000 /dev/zero > /a && ln /a /b\nRUN rm /a\nRUN rm /b",
        ((DELETED_FILE, 50_000, 1, 3, "/b"),),
    ),
    Case(
        "linked-pair-chowned",
        "RUN head -c 50000 /dev/zero > /a && ln /a /b\nRUN chown 7:7 /a /b",
        ((METADATA_ONLY, 50_000, 1, 2, "/b"),),
    ),
    Case("one-of-linked-pair-chowned", "RUN head -c 50000 /dev/zero > /a && ln /a /b\nRUN chown 7:7 /b"),
    Case("one-of-linked-pair-grown", "RUN head -c 50000 /dev/zero > /a && ln /a /b\nRUN echo >> /b"),
    Case(
        "odd-names",
        "RUN mkdir /data && cd /data && for name in 'a b' ' ' '-rf' '*' 'back\\slash' '.wh' 'wh.x' A a"
        rf""" "$(printf 'new\nline')" "$(printf '\377\376')" "$(printf 'e\314\201')" "$(printf '\303\251')" """
        rf"""{LONG} "$(printf 'tab\there\001')"; do head -c 1111 /dev/zero > "$name"; done"""
        "\n"
        r"""RUN cd /data && rm -- '*' "$(printf '\377\376')" "$(printf 'new\nline')" """
        rf"""&& chmod 600 -- '-rf' {LONG} "$(printf 'e\314\201')" """,
        ((DELETED_FILE, 3333, 1, 2, "/data"), (METADATA_ONLY, 3333, 1, 2, "/data")),
    ),
    Case(
        "deep-path",
        f"RUN mkdir -p /{DEEP} && head -c 4444 /dev/zero > /{DEEP}/{LONG} && head -c 333 /dev/zero > /{DEEP}/x\n"
        f"RUN chmod 600 /{DEEP}/{LONG}\nRUN rm /{DEEP}/x",
        ((METADATA_ONLY, 4444, 1, 2, f"/{DEEP}/{LONG}"), (DELETED_FILE, 333, 1, 3, f"/{DEEP}/x")),
    ),
    Case(
        "sparse",
        "RUN truncate -s 2000000 /sparse && echo end >> /sparse\nRUN chmod 600 /sparse",
        ((METADATA_ONLY, 2_000_004, 1, 2, "/sparse"),),
    ),
    Case("empty-files", "RUN mkdir /data && cd /data && touch a b c\nRUN cd /data && rm a && chmod 600 b && echo > c"),
    Case(
        "many-files",
        "RUN mkdir /data && cd /data && i=0; while [ $i -lt 3000 ]; do echo $i > $i; i=$((i + 1)); done\n"
        "RUN rm /data/*5 && chmod 600 /data/*6",
        ((DELETED_FILE, 1389, 1, 2, "/data"), (METADATA_ONLY, 1389, 1, 2, "/data")),
    ),
    Case(
        "special-files",
        "COPY small /data/pipe\n"
        "RUN cd /data && mknod null c 1 3 && mknod disk b 7 200 && rm pipe && mkfifo pipe other\n"
        "RUN rm /data/null && head -c 10 /bin/sh > /data/null",
        ((REPLACED, SMALL, 1, 2, "/data/pipe"),),
    ),
    Case(
        "empty-layers",
        "WORKDIR /made/here\nENV A=b\nRUN true\nCOPY small .\nRUN true\nWORKDIR /made/here\nWORKDIR /made",
    ),
)
CASES = (*DIVE, *_DIRECTORIES, *_FILES)
