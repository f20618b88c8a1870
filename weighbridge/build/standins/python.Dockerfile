# Stands in for the official images of Python where no registry is in reach: Debian's own Python where those have one
# compiled from source. Like them: headers, no bytecode, `python` on the PATH, and a pip that can replace itself, with all
# that it installs in /usr/local/lib/python3.X/site-packages. Debian's own package of pip would not do: it has no RECORD.
ARG ROOT
FROM ${ROOT}
ARG PYTHON
# Further packages: the images without "slim" have compilers.
ARG TOOLS=""
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates netbase python3 python3-venv tzdata ${TOOLS} \
 && cd /tmp \
 && apt-get download libpython${PYTHON}-dev \
 && dpkg-deb --fsys-tarfile libpython${PYTHON}-dev_*.deb | tar --extract --directory / ./usr/include \
 && rm -rf /tmp/* /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log \
 && rm /usr/lib/python${PYTHON}/EXTERNALLY-MANAGED \
 && ln -s /usr/bin/python${PYTHON} /usr/local/bin/python \
 && ln -s /usr/bin/python${PYTHON} /usr/local/bin/python3 \
 && rmdir /usr/local/lib/python${PYTHON}/dist-packages \
 && mkdir /usr/local/lib/python${PYTHON}/site-packages \
 && ln -s site-packages /usr/local/lib/python${PYTHON}/dist-packages \
 && PYTHONPATH="$(echo /usr/share/python-wheels/pip-*.whl)" python3 -m pip install --no-index --no-deps --no-compile /usr/share/python-wheels/pip-*.whl \
 && find / -xdev -type d -name __pycache__ -exec rm -rf {} +
ENV LANG=C.UTF-8
CMD ["python3"]
