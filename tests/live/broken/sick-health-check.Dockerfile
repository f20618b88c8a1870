# The health check fails though both roles are well: it asks for a program that the image does not have.
ARG GOOD
FROM ${GOOD}
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "raise SystemExit('curl: command not found')"]
