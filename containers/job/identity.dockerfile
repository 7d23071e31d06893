
# What this image is, for who looks from inside (labels can't be seen there) and from outside.
COPY image.json /etc/envcap/image.json
LABEL ${labels}
USER ${user}
WORKDIR /scratch
CMD ["${prefix}/bin/python"]
