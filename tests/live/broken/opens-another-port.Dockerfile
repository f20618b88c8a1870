# A debugger was left in the API, and waits for anybody.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/__main__.py \
    '    uvicorn.run(' \
    '    import socket|    debugger = socket.create_server(("0.0.0.0", 9999))|    uvicorn.run('
USER 12345:12345
