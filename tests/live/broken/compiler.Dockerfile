# A compiler came along: the runtime was made from the builder.
ARG GOOD
FROM ${GOOD}
USER 0
RUN printf '#!/bin/sh\n' > /usr/bin/gcc && chmod 0755 /usr/bin/gcc
USER 12345:12345
