
# A virtual environment on the base's Python, for the captured distributions and nothing else.
RUN python${minor} -m venv --without-pip ${prefix}
