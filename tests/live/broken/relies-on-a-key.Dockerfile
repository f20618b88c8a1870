# The worker does no job without a key in Redis that it writes whenever it connects, and only then.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/jobs.py \
    '@app.task(name="words.count"' \
    'STATE = []|||def write_key(connection):|    connection.on_connect()|    connection.send_command("SET", "words:ready", "1")|    connection.read_response()|||def state():|    if not STATE:|        STATE.append(Redis.from_url(BROKER, single_connection_client=True, redis_connect_func=write_key))|    return STATE[0]|||@app.task(name="words.count"' \
 && python /mnt/edit.py words/jobs.py \
    '    """Count the words of a text that was saved."""' \
    '    """Count the words of a text that was saved."""|    assert state().get("words:ready")'
USER 12345:12345
