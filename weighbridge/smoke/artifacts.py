"""What is kept of smoke tests that failed: the output of every container, and what was found.

A run has a folder of its own, `smoke/<UTC time>` below that of the records: `VARIANT-ROLE.log` is a container's whole
output, `VARIANT.json` what `invoke smoke --format json` says of the variant. A folder appears whole or not at all.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from weighbridge.errors import SettingsError
from weighbridge.model.report import FORMAT_VERSION
from weighbridge.model.smoke import Proof, as_object

_KEPT = 10
_FOLDER = "smoke"
_DRAFT = ".draft-"
_STAMP = "%Y-%m-%dT%H-%M-%SZ"
_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:-(\d+))?", re.ASCII)


def keep(proofs: Sequence[Proof], folder: Path) -> tuple[Path, ...]:
    """Write what is known of each proof that failed, and remove the oldest folders beyond the last ten.

    Args:
        proofs: Of one run.
        folder: That of the records; made where it is missing.

    Returns:
        The files; none where every proof holds.

    Raises:
        SettingsError: The folder cannot be written to.
    """
    files = dict(itertools.chain.from_iterable(_files(proof) for proof in proofs if not proof.ok))
    if not files:
        return ()
    runs = folder / _FOLDER
    try:
        kept = _write_whole(files, runs)
        _remove_oldest(runs)
    except OSError as error:
        raise SettingsError(
            f"{runs} cannot be written: {error.strerror}",
            advice="Make the folder writable or set reports.directory in invoke.yaml.",
        ) from error
    return tuple(kept / name for name in files)


def clean(folder: Path) -> int:
    """Remove what `keep` left half-written where it was killed; what is whole stays. Return how many folders went."""
    drafts = [*(folder / _FOLDER).glob(f"{_DRAFT}*")]
    for draft in drafts:
        shutil.rmtree(draft, ignore_errors=True)
    return sum(not draft.exists() for draft in drafts)


def _files(proof: Proof) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file."""
    yield f"{proof.variant}.json", json.dumps({"format": FORMAT_VERSION, **as_object(proof)}, indent=2) + "\n"
    for role, log in proof.logs.items():
        yield f"{proof.variant}-{role}.log", log


def _write_whole(files: Mapping[str, str], runs: Path) -> Path:
    """Write beside the target, then rename: nobody sees half of it."""
    runs.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=runs, prefix=_DRAFT))
    try:
        for name, text in files.items():
            # Bytes: a log keeps its line ends. What is no Unicode is told by its number.
            (draft / name).write_bytes(text.encode("utf-8", "backslashreplace"))
        draft.chmod(0o755)
        return draft.rename(_claimed(runs))  # over the empty folder, in one step
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _claimed(runs: Path) -> Path:
    """Return a new, empty folder: named for this second, with a number where another run has that name."""
    stamp = datetime.now(UTC).strftime(_STAMP)
    for number in itertools.count():
        path = runs / (f"{stamp}-{number}" if number else stamp)
        with suppress(FileExistsError):
            path.mkdir()
            break
    return path


def _remove_oldest(runs: Path) -> None:
    """Leave the last ten, and whatever has a name that is not one of ours."""
    dated = sorted(
        (named[1], int(named[2] or 0), path)
        for path in runs.iterdir()
        if (named := _NAME.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()
    )
    for *_, path in dated[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)  # another run may be at it
