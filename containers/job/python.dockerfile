
# ${count} distributions, from their wheels: by hash, without an index, by a pip that runs from a wheel itself.
RUN --mount=type=bind,source=wheels,target=/run/envcap/wheels \
    ${prefix}/bin/python /run/envcap/wheels/${pip}/pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
      --disable-pip-version-check --root-user-action ignore --require-hashes \
      --find-links /run/envcap/wheels --requirement /run/envcap/wheels/requirements.txt
