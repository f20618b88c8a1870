# One file, one image for both roles: the command decides whether it is the API or the worker.
#
#   single    one stage, compiler and all: what the other targets are measured against
#   minimal   from scratch: interpreter, modules and libraries that are needed, no shell, no package manager
#   multi     what ships: a builder with compiler and headers, a runtime with neither
#
# Needs BuildKit (Docker 20.10 or newer), and no "syntax" line, which would have to be pulled from a registry.
# Certificates of a TLS-inspecting proxy come as the build secret "ca" and stay out of every layer.
# The build argument TRACING=1 adds to `minimal` and `multi` what sends traces (docs/service.md).
# What goes into `minimal` and `multi` has one fixed time, so that the same files are the same layer.

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
RUN find . ! -perm -o=r -exec chmod go+rX {} + \
 && groupadd --gid 10001 app \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --no-log-init --shell /usr/sbin/nologin app \
 && install -d -o app -g 0 -m 0775 /data
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
ARG VERSION
ARG REVISION
ARG CREATED
ENV WEIGHBRIDGE_VERSION=${VERSION} \
    WEIGHBRIDGE_REVISION=${REVISION} \
    WEIGHBRIDGE_CREATED=${CREATED}
LABEL org.opencontainers.image.title="Weighbridge report service" \
      org.opencontainers.image.description="Keeps and compares the records of invoke report: an API and a worker" \
      org.opencontainers.image.licenses=MIT \
      org.opencontainers.image.base.name=${PYTHON_IMAGE} \
      weighbridge=image
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-S", "/app/backend/health.py"]
CMD ["uvicorn", "backend.main:app", "--http", "backend.connection:Connection", "--ws", "none", "--host", "0.0.0.0", "--port", "8000", "--no-server-header", "--timeout-graceful-shutdown", "15"]


# The environment, at the path that it has in the image, for its scripts name their interpreter in full. What built the
# C extension leaves again; the extension is compiled anew each time, not taken from what another build left in the cache.
FROM ${PYTHON_IMAGE} AS environment
RUN apt-get update \
 && apt-get install -y --no-install-recommends binutils gcc libc6-dev libpq-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY backend/requirements*.txt ./
ARG TRACING
RUN --mount=type=secret,id=ca \
    --mount=type=cache,target=/root/.cache/pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    export CFLAGS=-g0 LDFLAGS=-Wl,--build-id=none \
 && python3 -m venv /venv \
 && { /venv/bin/pip cache remove psycopg_c || true; } \
 && /venv/bin/pip install --require-hashes -r requirements-build.txt \
 && /venv/bin/pip install --require-hashes --no-build-isolation --no-compile -r requirements${TRACING:+-tracing}.txt \
 && /venv/bin/pip uninstall --yes cython setuptools wheel pip \
 && find /venv -name '*.so*' -type f -exec strip --strip-unneeded {} +
COPY backend/image image
# Bytecode without columns is smaller, and so quicker to load: a traceback tells the line.
ENV PYTHONNODEBUGRANGES=1


# What the images copy, each layer of theirs below an /out-…, folders included: one that COPY has to make itself would get
# the time of the build. Here all but the application.
FROM environment AS layout
RUN /venv/bin/python -m image.bake /out-bytecode \
 && /venv/bin/python -m image.rootfs image/left-out.txt /out-system /out-venv


# The application as bytecode alone, so that a change of a line re-ships little; what only the build runs stays behind.
FROM environment AS application
COPY weighbridge /out-library/app/weighbridge
COPY backend/*.py /out-app/app/backend/
COPY backend/migrations/*.py /out-app/app/backend/migrations/
RUN /venv/bin/python -m image.bake --in-place /out-library \
 && /venv/bin/python -m image.bake --in-place /out-app


FROM scratch AS minimal
COPY --from=layout /out-system /
COPY --from=layout /out-venv /
COPY --from=application /out-library /
COPY --from=application /out-app /
WORKDIR /app
ENV PATH=/venv/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
# What changes with every commit comes last: it touches no layer.
ARG VERSION
ARG REVISION
ARG CREATED
ENV WEIGHBRIDGE_VERSION=${VERSION} \
    WEIGHBRIDGE_REVISION=${REVISION} \
    WEIGHBRIDGE_CREATED=${CREATED}
LABEL org.opencontainers.image.title="Weighbridge report service" \
      org.opencontainers.image.description="Keeps and compares the records of invoke report: an API and a worker" \
      org.opencontainers.image.licenses=MIT \
      weighbridge.base=scratch \
      weighbridge=image
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-S", "/app/backend/health.pyc"]
CMD ["uvicorn", "backend.main:app", "--http", "backend.connection:Connection", "--ws", "none", "--host", "0.0.0.0", "--port", "8000", "--no-server-header", "--timeout-graceful-shutdown", "15"]


# What `multi` has beside its base: the shared libraries that the compiled extensions need, the user, the one folder for
# data, and what had a setuid bit without it. Only what changed is copied, so that no log and no cache comes along.
FROM ${PYTHON_IMAGE} AS runtime
RUN touch /dev/shm/began \
 && apt-get update \
 && apt-get install -y --no-install-recommends libpq5 \
 && rm -rf /var/lib/apt/lists/* \
 && echo 'app:x:10001:' >> /etc/group \
 && echo 'app:x:10001:10001::/tmp:/usr/sbin/nologin' >> /etc/passwd \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && install -d -o 10001 -m 0775 /out-runtime/data \
 && find /etc /usr /var/lib/dpkg -xdev -cnewer /dev/shm/began ! -type d ! -name '*-old' \
      ! -path /etc/hosts ! -path /etc/hostname ! -path /etc/resolv.conf -exec cp -a --parents -t /out-runtime {} + \
 && find /out-runtime -exec touch -h -d @0 {} +
# No extension module may need a library that is not here.
RUN --mount=from=layout,source=/out-venv,target=/mnt \
    find /mnt -name '*.so*' -type f -exec ldd {} + > /dev/shm/libraries; \
    ! grep 'not found' /dev/shm/libraries


FROM ${PYTHON_IMAGE} AS multi
COPY --from=runtime /out-runtime /
COPY --from=layout /out-bytecode /
COPY --from=layout /out-venv /
COPY --from=application /out-library /
COPY --from=application /out-app /
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
# What changes with every commit comes last: it touches no layer.
ARG PYTHON_IMAGE
ARG VERSION
ARG REVISION
ARG CREATED
ENV WEIGHBRIDGE_VERSION=${VERSION} \
    WEIGHBRIDGE_REVISION=${REVISION} \
    WEIGHBRIDGE_CREATED=${CREATED}
LABEL org.opencontainers.image.title="Weighbridge report service" \
      org.opencontainers.image.description="Keeps and compares the records of invoke report: an API and a worker" \
      org.opencontainers.image.licenses=MIT \
      org.opencontainers.image.base.name=${PYTHON_IMAGE} \
      weighbridge=image
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-I", "-S", "/app/backend/health.pyc"]
CMD ["uvicorn", "backend.main:app", "--http", "backend.connection:Connection", "--ws", "none", "--host", "0.0.0.0", "--port", "8000", "--no-server-header", "--timeout-graceful-shutdown", "15"]
