# The API says that it is ready, whether its broker answers or not.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    'await _within_seconds(broker.ping)' \
    'True'
USER 12345:12345
