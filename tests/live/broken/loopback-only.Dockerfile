# The API listens where only its own container can reach it.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/__main__.py \
    'host="0.0.0.0"' \
    'host="127.0.0.1"'
USER 12345:12345
