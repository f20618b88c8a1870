# uvloop needs a shared library that was left behind in the builder; uvicorn falls back to a slower loop and says nothing.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py /opt/venv/lib/python3.*/site-packages/uvloop/loop.*.so \
    'libpthread.so.0' \
    'libpthread.so.9'
USER 12345:12345
