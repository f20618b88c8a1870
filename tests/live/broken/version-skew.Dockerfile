# The worker is of another version than the API: it knows the job by another name.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/jobs.py \
    '"words.count"' \
    '"words.count_words"'
USER 12345:12345
