#!/bin/sh
# zlib's own C tests against the C face of the proved decoder: example, infcover, minigzip.
# usage: run.sh [FOLDER]    a folder of zlib's sources, or of the tests alone (Debian: zlib1g-dev puts them into
#                           /usr/share/doc/zlib1g-dev/examples, which is taken if none is given)
# Prints a line for each test; the exit status is 1 if one fails. $FLAGS: see ../../face/build.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
from=${1:-/usr/share/doc/zlib1g-dev/examples}
[ -d "$from/test" ] && from=$from/test
place=$(mktemp -d)
trap 'rm -r "$place"' EXIT
for name in example infcover minigzip; do # copies: what they include is not looked for beside them
  cp "$from/$name.c" "$place/" 2>/dev/null || { echo "there is no $name.c in $from"; exit 2; }
done
sh "$here/../../face/build.sh" "$place/lib" > "$place/log" 2>&1 || { cat "$place/log"; exit 2; }
cd "$place"
failed=0

try() { # NAME COMMAND...: passes if the command ends with 0
  what=$1; shift
  if "$@" > log 2>&1; then echo "$what: passed"; else echo "$what: FAILED ($?)"; tail -n 5 log; failed=1; fi
}

build() { # NAME, from NAME.c; with the face in front of the system's library, and nothing of libz.so
  name=$1
  gcc -g -w ${FLAGS:-} "-I$here/../../face" -o "$name" "$name.c" \
    lib/face.o lib/printed-zlib.o lib/printed-adler32.o lib/printed-crc32.o lib/libz.a || return 1
  nm "$name" > symbols && grep -q ' T zlib_inflate$' symbols && ! grep -q ' inflate_fast$' symbols # ours, not zlib's
}

minigzip() { # every way in which it compresses and decompresses: pipes and files
  program=$1
  for way in -1 -2 -3 -4 -5 -6 -7 -8 -9 -f -h -r; do
    for file in infcover.c minigzip empty zeros; do
      "./$program" $way < $file | timeout 100 "./$program" -d | cmp - $file || return 1
    done
  done
  cp infcover.c copy && "./$program" copy && [ ! -e copy ] && "./$program" -d copy.gz && cmp copy infcover.c || return 1
  "./$program" -c infcover.c > packed.gz && "./$program" -c -d packed.gz | cmp - infcover.c || return 1
  cat packed.gz packed.gz > both.gz && cat infcover.c infcover.c > twice && "./$program" -d < both.gz | cmp - twice || return 1
  printf 'x' | dd of=packed.gz bs=1 seek=2000 conv=notrunc 2>/dev/null
  if "./$program" -d < packed.gz > out 2>/dev/null && cmp out infcover.c; then return 1; fi # damage is not passed over
}

for name in example infcover minigzip; do
  try "$name, build" build $name
done
: > empty
head -c 3000000 /dev/zero > zeros
try example timeout 100 ./example
try infcover timeout 100 ./infcover
try minigzip minigzip minigzip
exit $failed
