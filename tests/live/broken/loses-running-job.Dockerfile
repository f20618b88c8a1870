# The worker ends at SIGTERM at once, and the job that it runs was acknowledged before: nobody does it again.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/jobs.py 'task_acks_late=True' 'task_acks_late=False' \
 && python /mnt/edit.py words/jobs.py \
    '    ALIVE.touch()' \
    '    ALIVE.touch()|    import signal, threading|    if threading.current_thread() is threading.main_thread():|        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))'
USER 12345:12345
