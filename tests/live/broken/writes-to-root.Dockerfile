# The API writes a log of its own beside its code, where nothing can be written once the root is read-only.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    install -d -o 12345 /opt/app/log \
 && python /mnt/edit.py words/__main__.py \
    '    uvicorn.run(' \
    '    open("/opt/app/log/words.log", "a").close()|    uvicorn.run('
USER 12345:12345
