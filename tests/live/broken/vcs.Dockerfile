# The whole history of the source came along, by COPY . .
ARG GOOD
FROM ${GOOD}
USER 0
RUN install -d /opt/app/.git \
 && printf 'ref: refs/heads/main\n' > /opt/app/.git/HEAD \
 && printf '[core]\n\tbare = false\n' > /opt/app/.git/config
USER 12345:12345
