"""An earlier multi-stage Dockerfile builds, and does not run: smoke says what is missing in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.live.conftest import Project
from weighbridge.build import bases, buildkit
from weighbridge.engine.client import DockerEngine

pytestmark = pytest.mark.engine

SEED = Path(__file__).with_name("seed.Dockerfile")
# What the official python:3.10-slim of its day had and our base may not have: `adduser`, which apt brought along. And
# since the seed's Dockerfile takes no build secret, its base has to carry this machine's certificates for pip.
BASE = """
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY certificates.crt /certificates.crt
RUN apt-get update \\
 && apt-get install -y --no-install-recommends adduser \\
 && rm -rf /var/lib/apt/lists/*
ENV PIP_CERT=/certificates.crt
"""
MAIN = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def root() -> dict[str, str]:
    return {"message": "hello"}
"""


@pytest.fixture
def seed(project: Project) -> Project:
    """Return a project with the seed's backend, and the seed's Dockerfile on a base that this machine has."""
    backend = project.folder / "backend"
    backend.mkdir()
    (backend / "main.py").write_text(MAIN, encoding="utf-8")
    (backend / "requirements.txt").write_text("fastapi\nuvicorn\n", encoding="utf-8")
    text = SEED.read_text(encoding="utf-8")
    assert text.count("FROM python:3.10-slim AS ") == 2
    text = text.replace("python:3.10-slim", project.reference("base")).replace("python3.10", "python3.13")
    (backend / "Dockerfile").write_text(text, encoding="utf-8")
    certificates = buildkit.find_certificates()
    if certificates is None:
        pytest.skip("this machine has no bundle of certificates")
    (project.folder / "base").mkdir()
    shutil.copy(certificates, project.folder / "base" / "certificates.crt")
    project.write("base/Dockerfile", BASE)
    variants = {name: {"context": name, "dockerfile": f"{name}/Dockerfile"} for name in ("base", "backend")}
    project.configure({"base": variants["base"], "seed": variants["backend"]})
    return project


def test_seed_builds_and_does_not_run(engine: DockerEngine, seed: Project, redis_base: bases.BaseImage) -> None:  # noqa: ARG001
    """It copies the packages without their programs: `uvicorn` is named as not found, and nothing is left."""
    built = seed.invoke("build")
    assert built.code == 0, built.stderr
    done = seed.invoke("smoke", "--variant", "seed")
    error = done.failure(7)
    assert error.startswith("error: seed: api starts: ")
    assert "uvicorn" in error
    assert any(words in error for words in ("not found", "No such file")), error
    assert "image's CMD" in error
    assert "✗ seed fails " in done.stdout
    told = json.loads(seed.invoke("smoke", "--variant", "seed", "--format", "json").stdout)
    checks = told["variants"][0]["checks"]
    found = {
        outcome: {f"{each['role']} {each['rule']}" for each in checks if each["outcome"] == outcome}
        for outcome in ("failed", "noted")
    }
    assert found == {
        "failed": {"api starts", "worker starts"},
        "noted": {
            "image runs-as-non-root",  # its user is a name
            "image has-health-check",
            "image no-setuid-files",  # the base's
        },
    }
    assert not seed.runs(engine)
