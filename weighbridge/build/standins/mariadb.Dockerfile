# Stands in for the official mariadb image where no registry is in reach: Debian's own MariaDB server.
ARG ROOT
FROM ${ROOT}
RUN groupadd --system --gid 999 mysql \
 && useradd --system --gid mysql --uid 999 --home-dir /var/lib/mysql --shell /bin/bash mysql \
 && printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d \
 && chmod +x /usr/sbin/policy-rc.d \
 && apt-get update \
 && apt-get install -y --no-install-recommends mariadb-server \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/lib/mysql /usr/sbin/policy-rc.d \
 && printf '[mariadbd]\nbind-address = *\nskip-name-resolve\n' > /etc/mysql/mariadb.conf.d/99-container.cnf \
 && mkdir -p /docker-entrypoint-initdb.d \
 && install -d -o mysql -g mysql -m 1777 /run/mysqld \
 && install -d -o mysql -g mysql -m 1777 /var/lib/mysql
COPY --chmod=755 mariadb.sh /usr/local/bin/docker-entrypoint.sh
ENV LANG=C.UTF-8
EXPOSE 3306
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["mariadbd"]
