#!/bin/sh
# Builds the oracle into the folder given: coqc and ocamlfind are needed. Run it in this folder.
set -eu
to=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$to"
cp -r "$here/../../../lib" "$here/../../../zlib" "$to/"
cd "$to/zlib"
q="-Q ../lib VerifiedC -Q trusted ZlibTrusted -Q src Zlib"
for f in Words; do coqc -Q ../lib VerifiedC "../lib/$f.v"; done
for f in trusted/Rfc1951 trusted/Claims src/Reader src/Canonical src/Inflate; do coqc $q "$f.v"; done
cd "$to"
coqc -Q lib VerifiedC -Q zlib/trusted ZlibTrusted -Q zlib/src Zlib "$here/Extract.v" -o "$to/Extract.vo"
rm -f oracle.mli
cp "$here/main.ml" .
ocamlfind ocamlopt -w -a -O3 oracle.ml main.ml -o oracle 2>/dev/null || ocamlopt -w -a oracle.ml main.ml -o oracle
