"""Finds the earlier report that a user names by path, commit or branch, and compares a report with it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge import files
from weighbridge.errors import NewerRecord, SettingsError, UnreadableRecord
from weighbridge.git import describe_trouble, run_git
from weighbridge.quoting import escape, quote, spell_commands
from weighbridge.report import records
from weighbridge.report.comparison import NOISE_BYTES, Comparison, Refusal, compare_images
from weighbridge.report.records import SUFFIX, read_history
from weighbridge.report.summary import Baseline

if TYPE_CHECKING:
    from weighbridge.model.report import Report

LAST = "last"
_MAIN = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
_PRESENT = ("HEAD", "@")
_SHORT = 7
_DAY = 10
_LISTED = 5
_NO_VARIANT = "the baseline has no such variant"


def find(text: str, folder: Path | None, project: Path) -> Report:
    """Return the record that a user names.

    For a commit, that is the newest record of exactly that commit. For a branch, it is the newest record of any commit
    on the branch, and `last` stands for the main branch. Records of a tree with uncommitted changes are not considered.

    Args:
        text: The path of a record, `last`, a branch, or anything else that `git rev-parse` resolves to a commit.
        folder: Where the records are; None: nothing is recorded.
        project: A folder of the repository.

    Raises:
        SettingsError: `text` is neither a file nor a commit, or the commit has no record.
        UnreadableRecord: The file at that path is not a record, or a newer version wrote it.
    """
    path = Path(text)
    if path.suffix == SUFFIX or files.is_file(path):
        return _read_file(path)
    if folder is None:
        advice = "Give the path of a record, an image as SOURCE:REF, or set reports.directory."
        raise SettingsError(f"--baseline {quote(text)} is not a file, and nothing is recorded here", advice=advice)
    if why := describe_trouble(project):
        advice = f"Give the path of a record, or fix the repository: `git -C {project} status` says how."
        raise SettingsError(f"--baseline {quote(text)} is not a file, and Git finds no commits: {why}", advice=advice)
    tip = _find_main_branch(project) if text == LAST else text
    commit = _resolve_commit(project, tip)
    if not commit:
        advice = "Give the path of a record, a branch, a commit, or `last`."
        raise SettingsError(
            f"--baseline {quote(text)} is neither a record nor a commit", advice=_advise_deepening(project) or advice
        )
    branch = text == LAST or (
        tip not in _PRESENT and bool(run_git(project, "rev-parse", "--symbolic-full-name", tip).startswith("refs/"))
    )
    wanted = set(run_git(project, "rev-list", commit).split()) if branch else {commit}
    return _find_newest(text, folder, wanted, advice=_advise_deepening(project) if branch else "")


def describe(text: str, report: Report) -> str:
    """Return a label for people, such as `main, 3f2a9c1, 2026-11-20`.

    Args:
        text: What the user named the baseline by.
        report: The baseline.
    """
    if report.commit is None and ":" in text:
        return text
    commit = f"{report.commit[:_SHORT]}{'-dirty' if report.dirty else ''}" if report.commit else "no commit"
    day = report.recorded_at[:_DAY]
    if report.commit and report.commit.startswith(text):
        return f"{commit}, {day}"
    path = Path(text)
    if path.name.startswith(re.sub(r"[-:]", "", report.recorded_at)):
        return f"{commit}, {day}"
    name = "the main branch" if text == LAST else path.name if path.suffix == SUFFIX else text
    return f"{name}, {commit}, {day}"


def compare(before: Report, after: Report, label: str, noise_bytes: int = NOISE_BYTES) -> Baseline:
    """Return what has changed since an earlier report, variant by variant.

    Args:
        before: The earlier report.
        after: The later one.
        label: The earlier report's label, for people.
        noise_bytes: Smaller changes count as no change.
    """
    old = {image.variant: image for image in before.images}
    comparisons, refusals = list[Comparison](), dict[str, str]()
    for image in after.images:
        if image.variant not in old:
            refusals[image.variant] = _NO_VARIANT
            continue
        found = compare_images(image.variant, old[image.variant], image, noise_bytes=noise_bytes)
        if isinstance(found, Refusal):
            refusals[image.variant] = spell_commands(str(found))
        else:
            comparisons.append(found)
    return Baseline(label=label, report=before, comparisons=tuple(comparisons), refusals=refusals)


def _read_file(path: Path) -> Report:
    advice, name = "Give the path of a record that `invoke report` wrote.", escape(str(path))
    try:
        return records.parse_json(files.read(path, records.LONGEST), name)
    except NewerRecord:
        raise
    except UnreadableRecord as error:  # the user may have named any file, so the usual advice does not fit
        raise UnreadableRecord(error.message, advice=advice) from error
    except OSError as error:
        raise SettingsError(f"--baseline {name} cannot be read: {error.strerror}", advice=advice) from error


def _find_main_branch(project: Path) -> str:
    """Return the first of the usual names of a main branch that the repository has."""
    for name in _MAIN:
        if _resolve_commit(project, name):
            return name
    advice = "Give a branch, a commit or the path of a record."
    message = f"--baseline {LAST} finds no main branch; it tried {', '.join(_MAIN)}"
    raise SettingsError(message, advice=_advise_deepening(project) or advice)


def _resolve_commit(project: Path, name: str) -> str:
    """Return the full hash of a commit; empty if there is none. With the suffix, no name is an option of Git."""
    return run_git(project, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()


def _advise_deepening(project: Path) -> str:
    """Return advice for a shallow clone, as CI makes them; empty if the clone has its whole history."""
    shallow = run_git(project, "rev-parse", "--is-shallow-repository").strip() == "true"
    return "The clone is shallow: fetch the rest with `git fetch --unshallow`, then try again." if shallow else ""


def _find_newest(text: str, folder: Path, commits: Collection[str], advice: str) -> Report:
    """Return the newest record of one of these commits.

    Raises:
        SettingsError: There is none.
    """
    known = read_history(folder)
    found = [report for report in known.reports if report.commit in commits]
    clean = [report for report in found if not report.dirty]
    if clean:
        return clean[-1]
    why = f", only {len(found)} with uncommitted changes" if found else ""
    why += "".join(
        f"; {kind}: {_list_names(names)}"
        for kind, names in (("unreadable", known.unreadable), ("written by a newer version", known.newer))
        if names
    )
    if known.newer:
        advice = "Use the newer version, or give the path of another record."
    usual = "Check it out, run `invoke build` and `invoke report`, or give the path of another record."
    raise SettingsError(f"--baseline {quote(text)} has no record in {folder}{why}", advice=advice or usual)


def _list_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{more}"
