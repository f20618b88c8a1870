# The worker looks for Redis on its own container, as on the developer's machine.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/__main__.py \
    '    sys.argv = ["celery"' \
    '    os.environ["CELERY_BROKER_URL"] = "redis://localhost:6379/0"|    sys.argv = ["celery"'
USER 12345:12345
