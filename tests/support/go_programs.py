"""Real Go programs: built, asked, and kept as those few parts that hold the module information.

`python -m tests.support.go_programs GO OLD_GO PROGRAM...` writes what the repository keeps anew: `GO` and `OLD_GO` are
compilers since and before 1.18; `PROGRAM` is one from elsewhere. The rest of a program is zeros when it is restored.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import starmap
from pathlib import Path

KEPT = Path(__file__).parents[1] / "sources/tar/go"
SOURCES = {
    "go.mod": "module example.org/greeting/v3\n\ngo 1.15\n",
    "words/words.go": 'package words\n\nvar Hi = "hello"\n',
    "cmd/greet/main.go": (
        'package main\n\nimport "example.org/greeting/v3/words"\n\nfunc main() { println(words.Hi) }\n'
    ),
}
STATIC = {"CGO_ENABLED": "0"}
EXTERNAL = {"CGO_ENABLED": "1"}
NEW: Mapping[str, tuple[Mapping[str, str], Sequence[str]]] = {
    "plain": (STATIC, ()),
    "stripped": (STATIC, ("-ldflags=-s -w -buildid=",)),
    "pie": (STATIC, ("-buildmode=pie",)),
    "pie-linked-by-gcc": (EXTERNAL, ("-buildmode=pie", "-ldflags=-linkmode=external")),
    "386": ({**STATIC, "GOARCH": "386"}, ()),
    "s390x": ({**STATIC, "GOARCH": "s390x"}, ()),
}
OLD = {name: NEW[name] for name in ("plain", "pie", "386", "s390x")} | {"mips": ({**STATIC, "GOARCH": "mips"}, ())}
"""A program's name -> the environment and the options of its build."""
_MARKS = (b"\xff Go buildinf:", bytes.fromhex("3077af0c9274080241e1c107e6d618e6"))
_END = bytes.fromhex("f932433186182072008242104116d8f2")
_HEAD_BYTES, _LONGEST = 4096, 2**16


def write_sources(folder: Path) -> None:
    """Write a module with one command."""
    for name, text in SOURCES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def build_program(sources: Path, target: Path, how: tuple[Mapping[str, str], Sequence[str]], go: str = "go") -> None:
    """Build the command for Linux."""
    environment, options = how
    own = {"GOOS": "linux", "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOCACHE": str(sources / "cache")}
    words = [go, "build", "-trimpath", *options, "-o", str(target), "./cmd/greet"]
    subprocess.run(words, cwd=sources, check=True, capture_output=True, env={**os.environ, **own, **environment})


def ask_go(program: Path, go: str = "go") -> list[str]:
    """Return the lines of module information that `go version -m` prints, without blanks at their ends."""
    output = subprocess.run([go, "version", "-m", program], check=True, capture_output=True, text=True).stdout
    return [line.strip() for line in output.splitlines()[1:]]


def restored(name: str) -> tuple[bytes, list[str]]:
    """Return a program that is kept, and the lines of module information that Go printed for it."""
    kept = json.loads(gzip.decompress((KEPT / f"{name}.json.gz").read_bytes()))
    program = bytearray(kept["size"])
    for begin, text in kept["parts"]:
        data = base64.b64decode(text)
        program[begin : begin + len(data)] = data
    return bytes(program), kept["told"]


def kept_names() -> list[str]:
    """Return the names of all programs that are kept."""
    return sorted(path.name.removesuffix(".json.gz") for path in KEPT.glob("*.json.gz"))


def _parts(program: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the head of a program, and all from each mark to the end of the information after it, with their places."""
    yield 0, program[:_HEAD_BYTES]
    for mark in _MARKS:
        at = program.find(mark)
        while at >= 0:
            end = program.find(_END, at, at + _LONGEST)
            yield at, program[at : at + 64 if end < 0 else end + len(_END)]
            at = program.find(mark, at + 1)


def _keep(name: str, program: Path, go: str) -> None:
    data = program.read_bytes()
    parts = list(starmap(lambda at, part: (at, base64.b64encode(part).decode()), _parts(data)))
    kept = {"size": len(data), "parts": parts, "told": ask_go(program, go)}
    (KEPT / f"{name}.json.gz").write_bytes(gzip.compress(json.dumps(kept).encode(), mtime=0))


def main() -> None:
    """Write all programs anew."""
    go, old_go, *others = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        sources = Path(name)
        write_sources(sources)
        for compiler, age, ways in ((go, "new", NEW), (old_go, "old", OLD)):
            for label, how in ways.items():
                build_program(sources, sources / "program", how, compiler)
                _keep(f"{age}-{label}", sources / "program", go)
    for path in map(Path, others):
        _keep(path.name, path, go)


if __name__ == "__main__":
    main()
