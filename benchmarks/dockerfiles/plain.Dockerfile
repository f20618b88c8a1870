# After: FastAPI's own documentation, "FastAPI in Containers": requirements first, a plain `pip install`, then the code,
# in one stage, as root.
# Adapted: the common slim base for the full one, so the compiler and libpq that psycopg needs are installed; the same
# locked requirements; --ignore-installed, for a base whose Python comes with packages that are not pip's to remove; two
# folders of code for one; the application's command; the build secret "ca".

ARG PYTHON_IMAGE=python:3.13-slim-trixie


FROM ${PYTHON_IMAGE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev libpq-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /code
COPY ./backend/requirements.txt /code/requirements.txt
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    pip install --no-cache-dir --upgrade --ignore-installed -r /code/requirements.txt
COPY ./weighbridge /code/weighbridge
COPY ./backend /code/backend
CMD ["uvicorn", "backend.main:app", "--host", "0.0.0.0", "--port", "8000"]
