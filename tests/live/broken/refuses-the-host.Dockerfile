# The API accepts only requests to the host that its own health check names.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    'app = FastAPI(title="Words")' \
    'from starlette.middleware.trustedhost import TrustedHostMiddleware|app = FastAPI(title="Words")|app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1"])'
USER 12345:12345
