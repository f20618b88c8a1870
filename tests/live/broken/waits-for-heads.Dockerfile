# The head of a request may take as long as it likes.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/connection.py \
    'self.loop.call_later(SECONDS, transport.abort)' \
    'self.loop.call_later(9999, transport.abort)'
USER 12345:12345
