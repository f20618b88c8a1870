# After: uv's guide to Docker, "Compiling bytecode", "Caching" and "Intermediate layers", and the multi-stage file of its
# example project: an environment inside the project's folder, compiled to bytecode, and the whole folder copied.
# Adapted: base; uv from PyPI, for its own image is in another registry; `uv pip install` of the same locked
# requirements for `uv sync`, which wants a lock of its own, and no second sync, for the application is no package;
# compiler and libpq for psycopg; the application's command and data folder; the build secret "ca".

ARG PYTHON_IMAGE=python:3.13-slim-trixie


FROM ${PYTHON_IMAGE} AS builder
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev libpq-dev \
 && rm -rf /var/lib/apt/lists/*
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=0
WORKDIR /app
RUN --mount=type=secret,id=ca \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=backend/requirements.txt,target=requirements.txt \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi; \
    uv venv \
 && uv pip install --require-hashes -r requirements.txt
COPY . /app


FROM ${PYTHON_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends libpq5 \
 && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 999 nonroot \
 && useradd --system --gid 999 --uid 999 --create-home nonroot \
 && install -d -o nonroot -g nonroot /data
COPY --from=builder --chown=nonroot:nonroot /app /app
ENV PATH="/app/.venv/bin:$PATH"
# By its name, as published.
# hadolint ignore=DL3066
USER nonroot
WORKDIR /app
CMD ["uvicorn", "backend.main:app", "--host", "0.0.0.0", "--port", "8000"]
