# The worker runs Celery's beat as well, which keeps its schedule in the working folder.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/__main__.py \
    '"--loglevel", "INFO")' \
    '"--loglevel", "INFO", "-B")'
USER 12345:12345
