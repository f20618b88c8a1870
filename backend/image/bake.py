"""Compile, once, while the image is built.

usage: python -m image.bake BYTECODE       what of the standard library the roles load
       python -m image.bake --in-place OUT

The first imports the libraries as the roles do and writes the bytecode of what this loaded of the standard library
below BYTECODE, under its own path, to be copied onto the root of the image. The second puts bytecode in the place of
every source below OUT, which becomes part of the image's root. The base ships no bytecode and a read-only root cannot
keep any, so without this every start would compile afresh. Hash-based and unchecked: a file's time does not matter, and
the image never changes. The application is compiled apart, so that a change of its code leaves all else as it is.
"""

from __future__ import annotations

import importlib
import os
import py_compile
import sys
from importlib.util import cache_from_source
from pathlib import Path

# What the application imports, and what the roles' commands load only when they run.
MODULES = (
    "celery.apps.worker",
    "celery.backends.redis",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "encodings.idna",
    "fastapi",
    "psycopg",
    "pydantic_settings",
    "redis",
    "sqlalchemy",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlite3",
    "uvicorn.lifespan.on",
    "uvicorn.logging",
    "uvicorn.loops.uvloop",
    "uvicorn.main",
    "uvicorn.protocols.http.h11_impl",
)
EPOCH = 0  # of no use to unchecked bytecode, but the same on every build


def bake(bytecode: Path) -> None:
    """Import the libraries, then compile every module of the standard library that has a source file."""
    sys.dont_write_bytecode = True
    for name in MODULES:
        importlib.import_module(name)
    # Not resolved: the interpreter looks for the bytecode beside the name that it imports, link or not.
    loaded = {Path(path).absolute() for module in list(sys.modules.values()) if (path := _source(module))}
    own = Path(sys.prefix), Path(__file__).parent
    sources = sorted(source for source in loaded if not any(source.is_relative_to(folder) for folder in own))
    for source in sources:
        compile_to(source, bytecode / Path(cache_from_source(str(source))).relative_to("/"), shown=str(source))
    print(f"{len(sources)} modules of the standard library compiled")  # noqa: T201 - the build's log


def _source(module: object) -> str | None:
    path = getattr(module, "__file__", None)
    return path if path and path.endswith(".py") else None


def compile_in_place(folder: Path) -> None:
    """Put bytecode in the place of every source of a tree, under the name that Python looks for where there is none."""
    sources = sorted(folder.rglob("*.py"))
    for source in (each for each in sources if not each.is_symlink()):
        compile_to(source, Path(f"{source}c"), shown=f"/{source.relative_to(folder)}")
    for source in sources:
        if source.is_symlink():
            Path(f"{source}c").symlink_to(f"{source.readlink()}c")
        source.unlink()


def compile_to(source: Path, target: Path, shown: str) -> None:
    """Compile one source; `shown` is what tracebacks call it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), str(target), shown, doraise=True, invalidation_mode=mode)


def settle(tree: Path) -> None:
    """Give everything in a tree the same time: so the same files are the same layer."""
    for path in (tree, *tree.rglob("*")):
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def open_up(tree: Path) -> None:
    """Let everybody read what came from a checkout, whatever the umask was there, and nobody but root write it."""
    for path in (tree, *tree.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def main(*arguments: str) -> None:
    """Do what the usage says."""
    out = Path(arguments[-1])
    if arguments[0] == "--in-place":
        compile_in_place(out)
        open_up(out)
    else:
        bake(out)
    settle(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
