# A job whose message is lost is never sent again.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/jobs.py \
    '    Thread(target=send_lost_again, daemon=True).start()' \
    '    pass'
USER 12345:12345
