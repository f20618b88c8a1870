# Each job leaves an error in the log though it succeeds, so that nobody looks at errors any more.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/jobs.py \
    '    words = len(' \
    '    import logging|    logging.getLogger("words").error("no cache")|    words = len('
USER 12345:12345
