# A disk that cannot be written is an error of the server's, and nobody is told to come back later.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    '    except OSError as error:' \
    '    except KeyError as error:'
USER 12345:12345
