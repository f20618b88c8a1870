# The command is misspelt: there is no such program in the image.
ARG GOOD
FROM ${GOOD}
ENTRYPOINT ["pyhton", "-m", "words"]
CMD ["serve"]
