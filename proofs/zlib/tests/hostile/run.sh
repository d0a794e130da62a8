#!/bin/sh
# The printed decoder under hostile inputs, built with the address and undefined-behaviour sanitizers.
# usage: run.sh [INPUTS [SEED]]      gcc and zlib's headers are needed
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=${PROGRAM:-$here/../../c/zlib.c}
place=$(mktemp -d)
trap 'rm -r "$place"' EXIT
gcc -std=c11 -O2 -g -fsanitize=address,undefined -fno-sanitize-recover=all "-DPROGRAM=\"$program\"" -o "$place/hostile" \
  "$here/hostile.c" -lz
exec "$place/hostile" "${1:-100000}" "${2:-1}"
