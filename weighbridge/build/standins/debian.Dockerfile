# Stands in for the official debian:trixie-slim, below the other stand-ins.
FROM scratch
ADD root.tar /
CMD ["bash"]
