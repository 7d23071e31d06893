
# The captured conda prefix: ${count} packages, each from its file, made for where it stands now. No script was run.
COPY conda ${prefix}
