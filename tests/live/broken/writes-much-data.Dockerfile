# The API keeps two files of 30 MB, each of which is within the limit of 50 MB that the settings give to all of them.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/__main__.py \
    '    uvicorn.run(' \
    '    for name in ("a", "b"):|        open(f"/var/lib/words/{name}", "wb").write(b"x" * 30_000_000)|    uvicorn.run('
USER 12345:12345
