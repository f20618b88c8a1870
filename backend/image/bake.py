"""Compiles Python modules once, during the build of the image.

usage: python -m image.bake BYTECODE       the modules of the standard library that the roles load
       python -m image.bake --in-place OUT

The first form imports the libraries as the roles do, and writes the bytecode of the standard library's modules that
were loaded to BYTECODE, under their own paths, to be copied onto the root of the image. The second form replaces every
source below OUT, a part of the image's root, by its bytecode. The base ships no bytecode, and a read-only root cannot
store any, so without this every start would compile everything again. The bytecode is hash-based and unchecked: a
file's time does not matter, because the image never changes. The application is compiled separately, so that a change
of its code leaves the other layers unchanged.
"""

from __future__ import annotations

import importlib
import os
import py_compile
import sys
from importlib.util import cache_from_source
from pathlib import Path

# Modules that the application imports, and modules that the roles' commands load only when they run.
MODULES = (
    "alembic.runtime.environment",
    "alembic.script",
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
EPOCH = 0  # unchecked bytecode does not need it; it is the same in every build


def bake(bytecode: Path) -> None:
    """Import the libraries, then compile every module of the standard library that has a source file."""
    sys.dont_write_bytecode = True
    for name in MODULES:
        importlib.import_module(name)
    # Links are not resolved, because the interpreter looks for bytecode beside the path by which it imports a module.
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
    """Replace every source of a tree by bytecode, under the name that Python looks for if there is no source."""
    sources = sorted(folder.rglob("*.py"))
    for source in (each for each in sources if not each.is_symlink()):
        compile_to(source, Path(f"{source}c"), shown=f"/{source.relative_to(folder)}")
    for source in sources:
        if source.is_symlink():
            Path(f"{source}c").symlink_to(f"{source.readlink()}c")
        source.unlink()


def compile_to(source: Path, target: Path, shown: str) -> None:
    """Compile one source; `shown` is its path in tracebacks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), str(target), shown, doraise=True, invalidation_mode=mode)


def settle(tree: Path) -> None:
    """Give everything in a tree the same time, so that the same files give the same layer."""
    for path in (tree, *tree.rglob("*")):
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def open_up(tree: Path) -> None:
    """Let everyone read the files of a checkout, whatever umask it was made with, and only root write them."""
    for path in (tree, *tree.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def main(*arguments: str) -> None:
    """Run one of the two forms above."""
    out = Path(arguments[-1])
    if arguments[0] == "--in-place":
        compile_in_place(out)
        open_up(out)
    else:
        bake(out)
    settle(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
