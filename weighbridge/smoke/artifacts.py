"""What is kept of smoke tests that failed: the output of every container, and what was found.

A run has a folder of its own, `smoke/<UTC time>` below that of the records: `VARIANT-ROLE.log` is a container's whole
output, `VARIANT.json` what `invoke smoke --format json` says of the variant. A folder appears whole or not at all.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from weighbridge import files
from weighbridge.errors import SettingsError
from weighbridge.model.report import FORMAT_VERSION
from weighbridge.model.smoke import Proof, as_object

_KEPT = 10
_FOLDER = "smoke"
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
    contents = dict(itertools.chain.from_iterable(_contents(proof) for proof in proofs if not proof.ok))
    if not contents:
        return ()
    runs = folder / _FOLDER
    try:
        runs.mkdir(parents=True, exist_ok=True)
        kept = files.create_folder(runs, files.numbered(datetime.now(UTC).strftime(_STAMP)), contents)
        _remove_oldest(runs)
    except OSError as error:
        raise SettingsError(
            f"{runs} cannot be written: {error.strerror}",
            advice="Make the folder writable or set reports.directory in invoke.yaml.",
        ) from error
    return tuple(kept / name for name in contents)


def clean(folder: Path) -> int:
    """Remove what `keep` left half-written where it was killed; what is whole stays. Return how many folders went."""
    drafts = [*(folder / _FOLDER).glob(f"{files.DRAFT}*")]
    for draft in drafts:
        shutil.rmtree(draft, ignore_errors=True)
    return sum(not draft.exists() for draft in drafts)


def _contents(proof: Proof) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each file and what is in it."""
    told = json.dumps({"format": FORMAT_VERSION, **as_object(proof)}, indent=2)
    yield f"{proof.variant}.json", f"{told}\n".encode()
    for role, log in proof.logs.items():
        # A log keeps its line ends; what is no Unicode becomes its number.
        yield f"{proof.variant}-{role}.log", log.encode("utf-8", "backslashreplace")


def _remove_oldest(runs: Path) -> None:
    """Leave the last ten, and whatever has a name that is not one of ours."""
    dated = sorted(
        (named[1], int(named[2] or 0), path)
        for path in runs.iterdir()
        if (named := _NAME.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()
    )
    for *_, path in dated[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)  # another run may be at it
