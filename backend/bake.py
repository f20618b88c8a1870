"""Compile what both roles import, once, while the image is built.

usage: bake.py APPLICATION BYTECODE

Imports the API and the worker as they start and writes the bytecode of every module that this loaded: of APPLICATION
beside its source, of everything else (standard library, environment) below BYTECODE, under its own path, to be
copied onto the root of the image. The base image ships no bytecode and a read-only root cannot keep any, so without
this every start would compile afresh. Hash-based and unchecked: a file's time does not matter, and the image never
changes. Not part of the image itself.
"""

from __future__ import annotations

import importlib
import os
import py_compile
import sys
from importlib.util import cache_from_source
from pathlib import Path

# What the roles' commands load only when they run, beside what importing the application loads.
STARTED_LATER = (
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "celery.backends.redis",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlalchemy.dialects.postgresql.psycopg",
    "uvicorn.lifespan.on",
    "uvicorn.logging",
    "uvicorn.loops.uvloop",
    "uvicorn.main",
    "uvicorn.protocols.http.h11_impl",
    "encodings.idna",
)
EPOCH = 0  # of no use to unchecked bytecode, but the same on every build


def main(application: Path, bytecode: Path) -> None:
    """Import both roles, then compile every module that has a source file."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(application))
    for name in ("backend.main", "backend.worker", "backend.health", *STARTED_LATER):
        importlib.import_module(name)
    # Not resolved: the interpreter looks for the bytecode beside the name that it imports, link or not.
    sources = {Path(path).absolute() for module in list(sys.modules.values()) if (path := _source(module))}
    for source in sorted(sources):
        compiled = Path(cache_from_source(str(source)))
        target = compiled if source.is_relative_to(application) else bytecode / compiled.relative_to("/")
        _compile(source, target)
    print(f"{len(sources)} modules compiled")  # noqa: T201 - the build's log


def _source(module: object) -> str | None:
    path = getattr(module, "__file__", None)
    return path if path and path.endswith(".py") else None


def _compile(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), cfile=str(target), dfile=str(source), doraise=True, invalidation_mode=mode)
    for path in (target, target.parent):
        os.utime(path, (EPOCH, EPOCH))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
