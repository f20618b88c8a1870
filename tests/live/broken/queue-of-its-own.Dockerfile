# The API sends its jobs to a queue that no worker takes jobs from.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    'send_task(COUNT, [name],' \
    'send_task(COUNT, [name], queue="texts",' \
 && python /mnt/edit.py words/jobs.py \
    'count.delay(text.stem)' \
    'count.apply_async((text.stem,), queue="texts")'
USER 12345:12345
