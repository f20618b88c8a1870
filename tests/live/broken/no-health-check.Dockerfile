# No engine can tell whether the roles are well.
ARG GOOD
FROM ${GOOD}
HEALTHCHECK NONE
