# A shell stands between the engine and the program, for the sake of a variable in the command. This one makes way for
# it; most do not, and then keep SIGTERM to themselves.
ARG GOOD
FROM ${GOOD}
ENV MODULE=words
ENTRYPOINT ["/bin/bash", "-c", "python -m $MODULE \"$@\"", "--"]
CMD ["serve"]
