# If the disk is full, the API answers with a server error and does not ask the caller to try again later.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    '    except OSError as error:' \
    '    except KeyError as error:'
USER 12345:12345
