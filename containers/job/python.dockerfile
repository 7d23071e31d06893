
# ${count} distributions, from their wheels: by hash, without an index. The byte code does not look at times.
RUN --mount=type=bind,source=wheels,target=/run/envcap/wheels \
    python${minor} -m venv --without-pip ${prefix} \
 && ${prefix}/bin/python /run/envcap/wheels/${pip}/pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
      --disable-pip-version-check --root-user-action ignore --require-hashes \
      --find-links /run/envcap/wheels --requirement /run/envcap/wheels/requirements.txt \
 && ${prefix}/bin/python -m compileall -q -j 1 --invalidation-mode unchecked-hash ${prefix}/lib
