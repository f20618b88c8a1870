# The worker's command names a Celery application that does not exist.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/__main__.py \
    '"words.jobs", "worker"' \
    '"words.worker", "worker"'
USER 12345:12345
