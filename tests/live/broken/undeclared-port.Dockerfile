# The port that the image declares is that of an earlier server.
ARG GOOD
FROM ${GOOD}
EXPOSE 8080
