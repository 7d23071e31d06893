
# Byte code that does not look at times, which differ from one machine to the next. Files that are no Python of this version
# are only not compiled.
RUN ${prefix}/bin/python -m compileall -qq -f -j 1 --invalidation-mode unchecked-hash ${prefix}/lib || true
