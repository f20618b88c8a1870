# The health check knows both roles, and asks nobody where it finds itself in the worker's container.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/__main__.py \
    '        age = time.time()' \
    '        sys.exit(0)|        age = time.time()'
USER 12345:12345
