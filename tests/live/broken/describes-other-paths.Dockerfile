# The API's document describes paths that the API does not have, as that of an application mounted elsewhere does.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    'async def _within_seconds(' \
    'app.openapi = lambda: {"openapi": "3.1.0", "paths": {"/v2/texts": {"get": {}}}}|||async def _within_seconds('
USER 12345:12345
