#!/bin/sh
# Builds the reference decoder as a program, `oracle`, in the folder given: coqc and ocamlopt are needed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
to=$(cd "$1" && pwd)
cp -r "$here/../../../lib" "$here/../../../adler32" "$here/../../../zlib" "$to/"
cd "$to"
q="-Q lib VerifiedC -Q adler32/trusted Adler32Trusted -Q zlib/trusted ZlibTrusted -Q zlib/src Zlib"
for f in lib/Words lib/Syntax lib/Semantics adler32/trusted/Statement zlib/trusted/Rfc1951 zlib/trusted/Rfc1950 \
         zlib/trusted/Claims zlib/src/Reader zlib/src/Canonical zlib/src/Inflate; do
  coqc $q "$f.v"
done
cp "$here/Extract.v" "$here/main.ml" .
coqc $q Extract.v
rm -f oracle.mli
ocamlopt -w -a oracle.ml main.ml -o oracle
