# The API says that a text is accepted half a second before it is stored.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    'app = FastAPI(' \
    'PENDING = set()|app = FastAPI(' \
 && python /mnt/edit.py words/service.py \
    '        await asyncio.to_thread(jobs.save, f"{name}.text", text)' \
    '        await asyncio.to_thread(jobs.save, "room", 1)|        PENDING.add(name)|        asyncio.get_running_loop().call_later(0.5, jobs.save, f"{name}.text", text)' \
 && python /mnt/edit.py words/service.py \
    'if jobs.load(f"{name}.text") is None:' \
    'if jobs.load(f"{name}.text") is None and name not in PENDING:' \
 && python /mnt/edit.py words/service.py \
    'ignore_result=True, retry_policy=ONCE' \
    'countdown=1, ignore_result=True, retry_policy=ONCE'
USER 12345:12345
