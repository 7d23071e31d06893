
# Code that belongs to no distribution, as it was captured.
COPY source ${folder}
RUN ${prefix}/bin/python -m compileall -q -j 1 --invalidation-mode unchecked-hash ${folder}
