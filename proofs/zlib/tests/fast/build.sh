#!/bin/sh
# Prints the fast decoder and builds it into the folder given (inflate.c, inflate.so): coqc and gcc are needed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
to=$(cd "$1" && pwd)
ulimit -s unlimited # the printed text is one long string
cp -r "$here/../../../lib" "$here/../../../zlib" "$to/"
cd "$to"
q="-Q lib VerifiedC -Q zlib/trusted ZlibTrusted -Q zlib/src Zlib"
for f in lib/Words lib/Syntax lib/Print zlib/trusted/Rfc1951 zlib/src/Decoder; do coqc $q "$f.v"; done
coqc $q zlib/tests/fast/Printed.v > printed
perl -0ne 's/^\s*= "//; s/"\s*: string\s*$//; s/""/"/g; print' printed > inflate.c
gcc -std=c11 -O3 -fPIC -fwrapv -fno-strict-aliasing -Wall -Werror=implicit -shared -s inflate.c -o inflate.so
