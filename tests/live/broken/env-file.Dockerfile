# The settings of the developer's machine came along, by COPY . .
ARG GOOD
FROM ${GOOD}
USER 0
RUN printf 'LOG_LEVEL=debug\n' > /opt/app/.env
USER 12345:12345
