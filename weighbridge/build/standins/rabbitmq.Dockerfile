# Stands in for the official rabbitmq image where no registry is in reach: Debian's own RabbitMQ server, which itself
# reads RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS and RABBITMQ_DEFAULT_VHOST.
ARG ROOT
FROM ${ROOT}
RUN groupadd --system --gid 999 rabbitmq \
 && useradd --system --gid rabbitmq --uid 999 --home-dir /var/lib/rabbitmq --shell /bin/bash rabbitmq \
 && printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d \
 && chmod +x /usr/sbin/policy-rc.d \
 && apt-get update \
 && apt-get install -y --no-install-recommends rabbitmq-server \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/lib/rabbitmq/* /var/lib/rabbitmq/.erlang.cookie \
    /usr/sbin/policy-rc.d \
 && mkdir -p /etc/rabbitmq/conf.d \
 && printf 'loopback_users.guest = false\nlog.console = true\n' > /etc/rabbitmq/conf.d/10-defaults.conf
COPY --chmod=755 rabbitmq.sh /usr/local/bin/docker-entrypoint.sh
ENV LANG=C.UTF-8 PATH=/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/var/lib/rabbitmq RABBITMQ_LOGS=-
EXPOSE 4369 5672 15692 25672
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["rabbitmq-server"]
