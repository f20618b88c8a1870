# Stands in for the official python:3.13-slim image where no registry is in reach: Debian's own Python 3.13 where that
# image has one compiled from source. Like it: pip, headers, no bytecode, `python` on the PATH, packages of pip's in
# /usr/local/lib/python3.13/site-packages.
ARG ROOT
FROM ${ROOT}
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates netbase python3 python3-pip python3-venv tzdata \
 && cd /tmp \
 && apt-get download libpython3.13-dev \
 && dpkg-deb --fsys-tarfile libpython3.13-dev_*.deb | tar --extract --directory / ./usr/include \
 && rm -rf /tmp/* /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log \
 && rm /usr/lib/python3.13/EXTERNALLY-MANAGED \
 && find / -xdev -type d -name __pycache__ -exec rm -rf {} + \
 && ln -s /usr/bin/python3.13 /usr/local/bin/python \
 && ln -s /usr/bin/python3.13 /usr/local/bin/python3 \
 && rmdir /usr/local/lib/python3.13/dist-packages \
 && mkdir /usr/local/lib/python3.13/site-packages \
 && ln -s site-packages /usr/local/lib/python3.13/dist-packages
ENV LANG=C.UTF-8
CMD ["python3"]
