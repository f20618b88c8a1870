# A job counts as done as soon as it is taken: it is gone with the worker that had it.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/jobs.py \
    'task_acks_late=True' \
    'task_acks_late=False'
USER 12345:12345
