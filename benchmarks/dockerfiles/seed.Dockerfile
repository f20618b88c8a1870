# After: the two-stage Dockerfile of the document that this project was created from (tests/live/seed.Dockerfile).
# Installs into the system's Python in a builder and copies its site-packages into a fresh base.
# Adapted: base and Python version; libpq, which it names as an example; the application's module and data folder;
# groupadd and useradd for addgroup and adduser, which a slim base need not have; --ignore-installed, for a base whose
# Python comes with packages that are not pip's to remove; the build secret "ca".
# Mended: the programs, /usr/local/bin, which it does not copy and cannot start without.

ARG PYTHON_IMAGE=python:3.13-slim-trixie


FROM ${PYTHON_IMAGE} AS builder
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends \
    build-essential \
    libpq-dev \
    && rm -rf /var/lib/apt/lists/*
COPY backend/requirements.txt .
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    pip install --no-cache-dir --ignore-installed -r requirements.txt


FROM ${PYTHON_IMAGE} AS runner
WORKDIR /app
ENV PYTHONDONTWRITEBYTECODE=1
ENV PYTHONUNBUFFERED=1
RUN apt-get update && apt-get install -y --no-install-recommends \
    libpq5 \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --system appgroup && useradd --system --gid appgroup appuser \
    && install -d -o appuser -g appgroup /data
# By its name, as published.
# hadolint ignore=DL3066
USER appuser
COPY --from=builder /usr/local/lib/python3.13/site-packages /usr/local/lib/python3.13/site-packages
COPY --from=builder /usr/local/bin /usr/local/bin
COPY . .
EXPOSE 8000
CMD ["uvicorn", "backend.main:app", "--host", "0.0.0.0", "--port", "8000"]
