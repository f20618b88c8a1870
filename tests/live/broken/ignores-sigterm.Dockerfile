# The API does not listen to SIGTERM: each deployment waits until the engine kills it.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/__main__.py \
    '    uvicorn.run(' \
    '    uvicorn.Server.handle_exit = lambda *_: None|    uvicorn.run('
USER 12345:12345
