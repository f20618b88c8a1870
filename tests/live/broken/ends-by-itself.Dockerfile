# The API serves, and some seconds after the first question whether it is ready a part of it fails and takes it along.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    'from . import jobs' \
    'import os, sys, threading|from . import jobs|threading.excepthook = lambda failed: (sys.__excepthook__(*failed[:3]), os._exit(3))' \
 && python /mnt/edit.py words/service.py \
    '    return {"ready": await' \
    '    threading.Timer(5, {}.__getitem__, ["DSN"]).start()|    return {"ready": await'
USER 12345:12345
