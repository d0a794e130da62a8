#!/bin/sh
# usage: need.sh PROGRAM DEBIAN_PACKAGE   installs the package if the program is missing; says so if it cannot.
set -eu
program=$1 package=$2
command -v "$program" >/dev/null 2>&1 && exit 0
ls /usr/lib/postgresql/*/bin/"$program" >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing $package"
    apt-get -qq update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$package" >/dev/null
    exit 0
fi
echo "$program is missing: install it (Debian and Ubuntu: sudo apt install $package; Fedora: sudo dnf install $package)." >&2
# The sandbox is necessary; a test that needs another program skips and says so.
[ "$program" = bwrap ] && exit 3
exit 0
