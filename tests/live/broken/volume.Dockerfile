# A volume makes one more folder writable, whose files nobody looks after.
ARG GOOD
FROM ${GOOD}
USER 0
RUN install -d -o 12345 /srv/cache
USER 12345:12345
VOLUME /srv/cache
