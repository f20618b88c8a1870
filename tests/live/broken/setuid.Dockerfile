# A program that makes whoever starts it root.
ARG GOOD
FROM ${GOOD}
USER 0
RUN install -m 4755 /usr/bin/id /usr/local/bin/whoami-really
USER 12345:12345
