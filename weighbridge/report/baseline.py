"""What a report is compared with: found by path, commit or branch among the records, and refused where it is unlike."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from weighbridge.errors import SettingsError, UnreadableRecord
from weighbridge.git import git, trouble
from weighbridge.model.report import Report
from weighbridge.report import records
from weighbridge.report.comparison import NOISE_BYTES, Comparison, Refusal, compare_images
from weighbridge.report.records import _SUFFIX, history
from weighbridge.report.summary import Baseline

LAST = "last"
_MAIN = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
_PRESENT = ("HEAD", "@")
_SHORT = 7
_DAY = 10
_LISTED = 5
_NO_VARIANT = "there is no such variant in it"


def find(text: str, folder: Path, project: Path) -> Report:
    """Return the record that a user names.

    A commit's record is the newest one of exactly that commit. A branch's is the newest one of any commit that the
    branch holds, and `last` the main branch's. Records of a tree that differed from its commit are neither's.

    Args:
        text: The path of a record, `last`, a branch, or whatever else `git rev-parse` understands as a commit.
        folder: Where the records are.
        project: A folder of the repository.

    Raises:
        SettingsError: It names nothing, or there is no record of it.
        UnreadableRecord: The file that it names is no record.
    """
    path = Path(text)
    if path.suffix == _SUFFIX or path.is_file():
        return _file(path)
    if why := trouble(project):
        advice = f"Give the path of a record, or mend that: `git -C {project} status` says how."
        raise SettingsError(f"--baseline {text} is no file, and Git knows of no commit: {why}", advice=advice)
    tip = _main(project) if text == LAST else text
    commit = _commit(project, tip)
    if not commit:
        advice = "Give the path of a record, a branch, a commit, or `last`."
        raise SettingsError(f"--baseline {text} is neither a record nor a commit", advice=_deepen(project) or advice)
    branch = text == LAST or (
        tip not in _PRESENT and bool(git(project, "rev-parse", "--symbolic-full-name", tip).startswith("refs/"))
    )
    wanted = set(git(project, "rev-list", commit).split()) if branch else {commit}
    return _newest(text, folder, wanted, advice=_deepen(project) if branch else "")


def described(text: str, report: Report) -> str:
    """Return what a baseline is, for people: `main, 3f2a9c1, 2026-11-20`.

    Args:
        text: By which it was found.
        report: What was found.
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
    name = "the main branch" if text == LAST else path.name if path.suffix == _SUFFIX else text
    return f"{name}, {commit}, {day}"


def compare(before: Report, after: Report, label: str, noise_bytes: int = NOISE_BYTES) -> Baseline:
    """Return what has changed since an earlier report, variant by variant.

    Args:
        before: The earlier report.
        after: The later one.
        label: What the earlier one is, for people.
        noise_bytes: Less change than this is none.
    """
    old = {image.variant: image for image in before.images}
    comparisons, refusals = list[Comparison](), dict[str, str]()
    for image in after.images:
        if image.variant not in old:
            refusals[image.variant] = _NO_VARIANT
            continue
        found = compare_images(image.variant, old[image.variant], image, noise_bytes=noise_bytes)
        if isinstance(found, Refusal):
            refusals[image.variant] = str(found)
        else:
            comparisons.append(found)
    return Baseline(label=label, report=before, comparisons=tuple(comparisons), refusals=refusals)


def _file(path: Path) -> Report:
    advice = "Give the path of a record that `invoke report` wrote."
    try:
        return records.from_json(path.read_bytes(), str(path))
    except UnreadableRecord as error:  # it may be any file of the user's, and is no rubbish then
        raise UnreadableRecord(error.message, advice=advice) from error
    except OSError as error:
        raise SettingsError(f"--baseline {path} cannot be read: {error.strerror}", advice=advice) from error


def _main(project: Path) -> str:
    """Return the first name of a main branch that the repository has."""
    for name in _MAIN:
        if _commit(project, name):
            return name
    advice = "Give a branch, a commit or the path of a record."
    message = f"--baseline {LAST} finds no main branch: no {', '.join(_MAIN)}"
    raise SettingsError(message, advice=_deepen(project) or advice)


def _commit(project: Path, name: str) -> str:
    """Return the full hash of a commit; empty where the name is none's. No option of Git's ends as the name here."""
    return git(project, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()


def _deepen(project: Path) -> str:
    """Return advice for a clone without its history, as CI makes them; empty: it has all of it."""
    shallow = git(project, "rev-parse", "--is-shallow-repository").strip() == "true"
    return "The clone is shallow: fetch the rest with `git fetch --unshallow`, then try again." if shallow else ""


def _newest(text: str, folder: Path, commits: Collection[str], advice: str) -> Report:
    """Return the newest record of one of these commits.

    Raises:
        SettingsError: There is none.
    """
    known = history(folder)
    found = [report for report in known.reports if report.commit in commits]
    clean = [report for report in found if not report.dirty]
    if clean:
        return clean[-1]
    why = f"; {len(found)} there are of trees that differed from their commit" if found else ""
    if known.unreadable:
        names = ", ".join(known.unreadable[:_LISTED])
        more = f" and {len(known.unreadable) - _LISTED} more" if len(known.unreadable) > _LISTED else ""
        why += f"; no records are {names}{more}"
    usual = "Check it out, run `invoke build` and `invoke report`, or give the path of another record."
    raise SettingsError(f"--baseline {text} has no record in {folder}{why}", advice=advice or usual)
