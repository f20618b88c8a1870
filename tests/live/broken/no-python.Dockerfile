# The interpreter that the environment's link leads to was left out.
ARG GOOD
FROM ${GOOD}
USER 0
RUN find / -xdev -path '*/bin/python*' -delete
USER 12345:12345
