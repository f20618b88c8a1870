# uvloop was built on a laptop with another processor; uvicorn falls back to a slower loop and says nothing.
ARG GOOD
FROM ${GOOD}
USER 0
RUN python -c "import glob; file = open(glob.glob('/opt/venv/lib/python3.*/site-packages/uvloop/loop.*.so')[0], 'r+b'); \
file.seek(18); amd64 = file.read(1) == b'\x3e'; file.seek(18); file.write(b'\xb7' if amd64 else b'\x3e')"
USER 12345:12345
