# One message that is no JSON ends the worker, as with Celery alone.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/transport.py \
    'except ValueError:' \
    'except KeyError:'
USER 12345:12345
