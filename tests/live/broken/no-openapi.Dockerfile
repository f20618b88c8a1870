# The API does not describe itself any more.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    'FastAPI(title="Words")' \
    'FastAPI(title="Words", openapi_url=None)'
USER 12345:12345
