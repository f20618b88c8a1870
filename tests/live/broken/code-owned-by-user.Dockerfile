# Who takes over the process can rewrite the program.
ARG GOOD
FROM ${GOOD}
USER 0
RUN chown -R 12345:12345 /opt/app
USER 12345:12345
