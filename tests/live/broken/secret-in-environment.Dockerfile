# A token that everybody can read who can pull.
ARG GOOD
FROM ${GOOD}
ENV API_TOKEN=2f4c1a9be07d4d5c
