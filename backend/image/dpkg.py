"""Records which Debian packages the files in a bare root come from, so that scanners and reports know them.

It does so as distroless images do: a package's control stanza in `/var/lib/dpkg/status.d/NAME`, beside it the checksums
of those of its files that the root has, and its copyright in Debian's usual place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

DATABASE = Path("/var/lib/dpkg")


def record(root: Path) -> None:
    """Record the packages that the files below a root come from; on a base without dpkg, record nothing."""
    owners = dict(_owners())
    present = defaultdict[str, set[str]](set)
    for path in root.rglob("*"):
        name = f"/{path.relative_to(root)}"
        # Bytecode that replaces a source belongs to the package of the source.
        owned = next((each for each in (name, name.removesuffix("c")) if each in owners), None)
        if owned and not path.is_dir():
            present[owners[owned]].add(owned)
    stanzas, licences = dict(_stanzas()), dict[bytes, Path]()
    for stem, found in sorted(present.items()):
        package = stem.partition(":")[0]
        names = found | _copy_licence(root, package, licences)
        folder = root / "var/lib/dpkg/status.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / package).write_text(stanzas[package], encoding="utf-8")
        (folder / f"{package}.md5sums").write_text("".join(_sums(stem, names)), encoding="utf-8")


def _owners() -> Iterator[tuple[str, str]]:
    """Yield each path with its package, in dpkg's spelling: `libc6:amd64`."""
    for listed in sorted((DATABASE / "info").glob("*.list")):
        for path in listed.read_text(encoding="utf-8").splitlines():
            yield _real(path), listed.stem


def _real(path: str) -> str:
    """Return a path with links to folders resolved, because packages may still say /lib for /usr/lib."""
    parent, _, name = path.rpartition("/")
    return f"{Path(parent).resolve()}/{name}" if parent else path


def _stanzas() -> Iterator[tuple[str, str]]:
    status = DATABASE / "status"
    for stanza in status.read_text(encoding="utf-8").split("\n\n") if status.exists() else ():
        if stanza.startswith("Package: "):
            yield stanza.partition("\n")[0].removeprefix("Package: "), stanza.strip() + "\n"


def _sums(stem: str, names: set[str]) -> Iterator[str]:
    sums = DATABASE / "info" / f"{stem}.md5sums"
    for line in sums.read_text(encoding="utf-8").splitlines() if sums.exists() else ():
        if _real(f"/{line.split(maxsplit=1)[1]}") in names:
            yield f"{line}\n"


def _copy_licence(root: Path, package: str, known: dict[bytes, Path]) -> set[str]:
    """Copy a package's copyright, and return its path. Packages of one source share one copy by a hard link."""
    licence = Path("/usr/share/doc", package, "copyright")
    if not licence.is_file():
        return set()
    target, text = root / licence.relative_to("/"), licence.read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    if text in known:
        target.hardlink_to(known[text])
    else:
        target.write_bytes(text)
        known[text] = target
    return {str(licence)}
