# The worker ends when it loses its connection to Redis, and somebody has to start it again.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/jobs.py \
    '    broker_connection_max_retries=None,' \
    '    broker_connection_retry=False,'
USER 12345:12345
