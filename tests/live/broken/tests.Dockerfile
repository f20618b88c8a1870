# The tests came along, by COPY . .
ARG GOOD
FROM ${GOOD}
USER 0
RUN install -d /opt/app/tests && printf 'def test_words():\n    assert True\n' > /opt/app/tests/test_words.py
USER 12345:12345
