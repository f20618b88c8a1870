# After: the backend's Dockerfile in the full-stack FastAPI template: one stage, uv left in the image, an environment in
# the project's folder, compiled to bytecode, the application copied after it, and no user of its own.
# Adapted: the common slim base for the full one, with what that has for compiling psycopg (a fraction of it); uv from
# PyPI; `uv pip install` of the same locked requirements for `uv sync`, and no second sync, for the application is no
# package; uvicorn itself in one process for `fastapi run` in four, so that all start the same; the build secret "ca".

ARG PYTHON_IMAGE=python:3.13-slim-trixie


FROM ${PYTHON_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev libpq-dev \
 && rm -rf /var/lib/apt/lists/*
ENV PYTHONUNBUFFERED=1
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1
ENV UV_LINK_MODE=copy
WORKDIR /app/
ENV PATH="/app/.venv/bin:$PATH"
RUN --mount=type=secret,id=ca \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=backend/requirements.txt,target=requirements.txt \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi; \
    uv venv \
 && uv pip install --require-hashes -r requirements.txt
COPY ./weighbridge /app/weighbridge
COPY ./backend /app/backend
WORKDIR /app/
CMD ["uvicorn", "backend.main:app", "--host", "0.0.0.0", "--port", "8000"]
