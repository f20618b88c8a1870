# The API never says that it is ready: it looks for the broker under a name that nobody has.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    'Redis.from_url(jobs.BROKER' \
    'Redis.from_url("redis://nobody:6379/0"'
USER 12345:12345
