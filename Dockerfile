# One file, one image for both roles: the command decides whether it is the API or the worker.
#
#   single   one stage, compiler and all: what the other targets are measured against
#   multi    what ships: a builder with compiler and headers, a runtime with neither
#
# Needs BuildKit (Docker 20.10 or newer), and no "syntax" line, which would have to be pulled from a registry.
# Certificates of a TLS-inspecting proxy come as the build secret "ca" and stay out of every layer.

ARG PYTHON_IMAGE=python:3.13-slim-trixie


FROM ${PYTHON_IMAGE} AS single
ARG PYTHON_IMAGE
WORKDIR /app
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential libpq-dev \
 && rm -rf /var/lib/apt/lists/*
COPY backend/requirements.txt backend/requirements-build.txt ./
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    python3 -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt \
 && /venv/bin/pip install --no-cache-dir --require-hashes --no-build-isolation -r requirements.txt
COPY . .
RUN groupadd --gid 10001 app \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --no-log-init --shell /usr/sbin/nologin app \
 && install -d -o app -g 0 -m 0775 /data
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
LABEL org.opencontainers.image.title="Weighbridge report service" \
      org.opencontainers.image.base.name=${PYTHON_IMAGE} \
      weighbridge=image
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-S", "/app/backend/health.py"]
CMD ["uvicorn", "backend.main:app", "--host", "0.0.0.0", "--port", "8000", "--no-server-header", "--timeout-graceful-shutdown", "15"]


FROM ${PYTHON_IMAGE} AS builder
RUN apt-get update \
 && apt-get install -y --no-install-recommends binutils gcc libc6-dev libpq-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY backend/requirements.txt backend/requirements-build.txt ./
# The environment stands at the same path in both stages, because its scripts name their interpreter in full.
# What built the C extension leaves again: the runtime gets neither pip nor a build system.
RUN --mount=type=secret,id=ca \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    python3 -m venv /venv \
 && /venv/bin/pip install --require-hashes -r requirements-build.txt \
 && /venv/bin/pip install --require-hashes --no-build-isolation --no-compile -r requirements.txt \
 && /venv/bin/pip uninstall --yes cython setuptools wheel pip \
 && find /venv -name __pycache__ -exec rm -rf {} + \
 && find /venv -name '*.so*' -type f -exec strip --strip-unneeded {} +
COPY . /app
# The application leaves without the script that only the build needs.
RUN mv /app/backend/bake.py . \
 && rm /app/backend/requirements*.txt /app/backend/pyproject.toml \
 && PATH=/venv/bin:$PATH /venv/bin/python bake.py /app /bytecode


FROM ${PYTHON_IMAGE} AS multi
ARG PYTHON_IMAGE
# The shared libraries that the compiled extensions need, the user, the one folder for data, no setuid or setgid file.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libpq5 \
 && groupadd --gid 10001 app \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --no-log-init --shell /usr/sbin/nologin app \
 && install -d -o app -g 0 -m 0775 /data \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log \
      /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow-
COPY --from=builder /venv /venv
COPY --from=builder /bytecode /
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
COPY --from=builder /app /app
# What changes with every commit comes last: it touches no layer.
ARG VERSION=0.1.0
ARG REVISION=unknown
ENV WEIGHBRIDGE_VERSION=${VERSION} \
    WEIGHBRIDGE_REVISION=${REVISION}
LABEL org.opencontainers.image.title="Weighbridge report service" \
      org.opencontainers.image.licenses=MIT \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION} \
      org.opencontainers.image.base.name=${PYTHON_IMAGE} \
      weighbridge=image
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-S", "/app/backend/health.py"]
CMD ["uvicorn", "backend.main:app", "--host", "0.0.0.0", "--port", "8000", "--no-server-header", "--timeout-graceful-shutdown", "15"]
