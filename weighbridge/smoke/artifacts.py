"""Keeps the results of smoke tests that failed: the output of every container, and the outcome of every rule.

Each run has a folder of its own, `smoke/<UTC time>` in the folder of the records. `VARIANT-CONTAINER.log` is the whole
output of a container; `VARIANT.json` is what `invoke smoke --format json` says about the variant. A folder appears
whole or not at all.
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
from weighbridge.model.smoke import Proof, serialize_proof

_KEPT = 10
_FOLDER = "smoke"
_STAMP = "%Y-%m-%dT%H-%M-%SZ"
_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:-(\d+))?", re.ASCII)


def keep(proofs: Sequence[Proof], folder: Path) -> tuple[Path, ...]:
    """Write the checks and logs of each proof that failed, then remove all but the ten newest folders.

    Args:
        proofs: All proofs of one run.
        folder: The folder of the records; it is made if it is missing.

    Returns:
        The files that were written; none if every proof holds.

    Raises:
        SettingsError: The folder cannot be written to.
    """
    contents = dict(itertools.chain.from_iterable(_iterate_contents(proof) for proof in proofs if not proof.ok))
    if not contents:
        return ()
    runs = folder / _FOLDER
    try:
        runs.mkdir(parents=True, exist_ok=True)
        kept = files.create_folder(runs, files.generate_names(datetime.now(UTC).strftime(_STAMP)), contents)
        _remove_oldest(runs)
    except OSError as error:
        raise SettingsError(
            f"{runs} cannot be written: {error.strerror}",
            advice="Make the folder writable or set reports.directory.",
        ) from error
    return tuple(kept / name for name in contents)


def clean(folder: Path) -> int:
    """Remove the half-written folders that a killed `keep` left behind, and return how many those were."""
    drafts = [*(folder / _FOLDER).glob(f"{files.DRAFT}*")]
    for draft in drafts:
        shutil.rmtree(draft, ignore_errors=True)
    return sum(not draft.exists() for draft in drafts)


def _iterate_contents(proof: Proof) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file."""
    document = json.dumps({"format": FORMAT_VERSION, **serialize_proof(proof)}, indent=2)
    yield f"{proof.variant}.json", f"{document}\n".encode()
    for role, log in proof.logs.items():
        # A log keeps its line ends; a surrogate, which UTF-8 cannot hold, is written as its number.
        yield f"{proof.variant}-{role}.log", log.encode("utf-8", "backslashreplace")


def _remove_oldest(runs: Path) -> None:
    """Remove all but the ten newest folders; anything whose name is not one of ours stays."""
    dated = sorted(
        (named[1], int(named[2] or 0), path)
        for path in runs.iterdir()
        if (named := _NAME.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()
    )
    for *_, path in dated[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)  # another run may be removing it, too
