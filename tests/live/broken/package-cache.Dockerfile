# What pip downloaded came along.
ARG GOOD
FROM ${GOOD}
USER 0
RUN install -d /root/.cache/pip/http-v2 && head -c 100000 /dev/zero > /root/.cache/pip/http-v2/wheel.body
USER 12345:12345
