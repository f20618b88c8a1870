# The image runs as another user than everything around it was made for.
ARG GOOD
FROM ${GOOD}
USER 0
RUN chmod 1777 /var/lib/words
USER 4242:4242
