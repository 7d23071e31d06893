#!/bin/sh
# Usage: make.sh SUITE OUT.tar
# A minimal Debian with Python, without byte code, logs and identities: the same bytes while the mirror is unchanged.
set -eu
suite=$1
out=$2
: "${SOURCE_DATE_EPOCH:=1700000000}"
export SOURCE_DATE_EPOCH
# Evaluated by mmdebstrap's own shell, where $1 is the new root.
# shellcheck disable=SC2016
clean='
    find "$1/usr" -name "*.pyc" -delete
    find "$1/usr" -depth -name __pycache__ -type d -exec rmdir {} +
    rm -rf "$1"/var/cache/ldconfig/aux-cache "$1"/var/log/*.log "$1"/var/log/apt/*
    rm -f "$1"/etc/resolv.conf "$1"/etc/hostname
    : > "$1"/etc/machine-id
'
exec mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-venv \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="$clean" \
    "$suite" "$out"
