# The job is done, and what comes out is wrong.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/jobs.py \
    '.split())' \
    '.split()) + 1'
USER 12345:12345
