# The API ends at SIGTERM at once, whoever waits for an answer.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/__main__.py \
    '    uvicorn.run(' \
    '    uvicorn.Server.handle_exit = lambda *_: os._exit(0)|    uvicorn.run('
USER 12345:12345
