# Stands in for the official slim images of Debian, and below the other stand-ins.
FROM scratch
ADD root.tar /
CMD ["bash"]
