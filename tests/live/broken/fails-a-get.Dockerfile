# One of the paths that the API describes always fails.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    '@app.post("/texts"' \
    '@app.get("/statistics", status_code=500)|def statistics() -> dict[str, int]:|    return {}|||@app.post("/texts"'
USER 12345:12345
