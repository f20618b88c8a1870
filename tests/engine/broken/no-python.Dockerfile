# The interpreter that the environment's link leads to was left out.
ARG GOOD
FROM ${GOOD}
USER 0
RUN rm /usr/bin/python3 /opt/venv/bin/python*
USER 12345:12345
