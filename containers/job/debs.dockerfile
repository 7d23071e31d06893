
# ${count} packages of the operating system, in the versions whose libraries the job loaded, and which the base has not:
# ${names}
# What they depend on beyond that is not asked for; dates of the installation are left out.
RUN --mount=type=bind,source=debs,target=/run/envcap/debs \
    DEBIAN_FRONTEND=noninteractive dpkg --install --force-depends --force-downgrade /run/envcap/debs/*.deb \
 && rm -f /var/log/dpkg.log /var/log/alternatives.log /var/lib/dpkg/*-old /var/cache/ldconfig/aux-cache
