#!/bin/sh
# Builds the C face around the printed programs: TO/libz.a, which stands for the system's (deflate and gz* are zlib's own,
# from the system's libz.a), and TO/face.so, decompression and checksums alone, for LD_PRELOAD.
# usage: build.sh TO        gcc, binutils and zlib's headers and libz.a are needed (Debian: zlib1g-dev)
# $FLAGS: more for the compiler, such as -fsanitize=address,undefined.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
printed="-std=c11 -O2 -g -fPIC -fwrapv -fno-strict-aliasing ${FLAGS:-}"
for name in zlib adler32 crc32; do gcc $printed -c "$here/../../$name/c/$name.c" -o "printed-$name.o"; done
gcc $printed -Wall -Wextra -c "$here/face.c" -o face.o
gcc -shared ${FLAGS:-} face.o printed-*.o -o face.so

# The system's library without its decompression; what the face has too gives way to it. inftrees.o stays: nothing of ours
# uses it, but zlib's test infcover calls it.
rm -f libz.a
nm -g --defined-only face.o | awk '{ print $3 }' > names
objcopy --weaken-symbols=names "$(gcc -print-file-name=libz.a)" libz.a
ar d libz.a inflate.o infback.o inffast.o uncompr.o
