# The environment of the developer's checkout came along, by COPY . .
ARG GOOD
FROM ${GOOD}
USER 0
RUN install -d /opt/app/.venv/bin && printf 'VIRTUAL_ENV=/home/me/words/.venv\n' > /opt/app/.venv/bin/activate
USER 12345:12345
