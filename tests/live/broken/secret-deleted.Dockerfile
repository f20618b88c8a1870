# A deploy key was needed for a moment. It is gone from the file system and still in a layer, for all who can pull.
ARG GOOD
FROM ${GOOD}
USER 0
RUN python -c "import base64; kind = 'PRIVATE KEY'; text = base64.encodebytes(bytes(range(256)) * 5).decode(); \
open('/opt/deploy.pem', 'w').write(f'-----BEGIN {kind}-----\n{text}-----END {kind}-----\n')"
RUN rm /opt/deploy.pem
USER 12345:12345
