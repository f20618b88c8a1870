# After: distroless's example of a Python project with requirements (a virtual environment built on Debian, copied onto
# an image without shell or packages), and the many files that make such an image themselves: the interpreter and whole
# library folders copied onto an empty one.
# Adapted: the second form takes the first one's base, which is in another registry; the folders come from a stage
# without the compiler; the same locked requirements; libpq; the application's command, data folder and the user that
# distroless calls nonroot; the build secret "ca".

ARG PYTHON_IMAGE=python:3.13-slim-trixie


FROM ${PYTHON_IMAGE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev libpq-dev \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /venv
COPY backend/requirements.txt /requirements.txt
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /requirements.txt


FROM ${PYTHON_IMAGE} AS runtime
RUN apt-get update \
 && apt-get install -y --no-install-recommends libpq5 \
 && rm -rf /var/lib/apt/lists/*
# Whatever the base calls its interpreter and wherever that lies, it is copied with the links that lead to it.
RUN mkdir /rootfs \
 && cp --archive --parents /lib* /usr/lib* /usr/local "$(readlink -f "$(command -v python3)")" \
      /etc/group /etc/ld.so.cache /etc/nsswitch.conf /etc/passwd /etc/ssl /usr/share/zoneinfo /rootfs \
 && install -d -m 1777 /rootfs/tmp \
 && install -d -o 65532 -g 65532 /rootfs/data


FROM scratch
COPY --from=runtime /rootfs /
COPY --from=build /venv /venv
COPY . /app
WORKDIR /app
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin \
    LANG=C.UTF-8
USER 65532:65532
CMD ["uvicorn", "backend.main:app", "--host", "0.0.0.0", "--port", "8000"]
