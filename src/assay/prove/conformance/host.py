"""The submission's side of the comparison, in C: a small program in a sandbox of its own that answers calls.

It is built of this source and the submission's object files and holds no Python and no original. Every buffer ends at a
page that cannot be touched and inputs cannot be written to, so that reading or writing too far ends the program.
"""

from collections.abc import Sequence

from assay.prove.calling import declaration
from assay.prove.component import MAX_PARAMETERS, EntryPoint

MAX_MESSAGE = 1 << 28  # bytes of one argument or answer

_HOST = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

%(prototypes)s

static int in, out;

static void fail(int code) { _exit(code); }

static void take(void *to, size_t n) {
  char *p = to;
  while (n) {
    ssize_t got = read(in, p, n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail(got == 0 ? 0 : 90);
    p += got; n -= (size_t)got;
  }
}

static void give(const void *from, size_t n) {
  const char *p = from;
  while (n) {
    ssize_t put = write(out, p, n);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) fail(91);
    p += put; n -= (size_t)put;
  }
}

/* A region whose last byte is followed by a page that cannot be touched. Used again while it is large enough. */
struct region { uint8_t *pages; size_t size; };

static uint8_t *room(struct region *r, size_t n) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (n > r->size || r->pages == NULL) {
    if (r->pages) munmap(r->pages, r->size + page);
    r->size = (n / page + 1) * page;
    r->pages = mmap(NULL, r->size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->pages == MAP_FAILED) fail(92);
    if (mprotect(r->pages + r->size, page, PROT_NONE)) fail(93);
  }
  return r->pages + r->size - n;
}

static void lock(struct region *r, int writable) {
  if (mprotect(r->pages, r->size, writable ? PROT_READ | PROT_WRITE : PROT_READ)) fail(94);
}

int main(int argc, char **argv) {
  static struct region regions[%(regions)d];
  if (argc != 3) return 95;
  in = open(argv[1], O_RDONLY | O_CLOEXEC);
  out = open(argv[2], O_WRONLY | O_CLOEXEC);
  if (in < 0 || out < 0) return 96;
  for (;;) {
    uint32_t entry;
    uint64_t value = 0, written = 0;
    const uint8_t *result = NULL;
    take(&entry, sizeof entry);
    switch (entry) {
%(cases)s
    default: fail(97);
    }
    give(&value, sizeof value);
    give(&written, sizeof written);
    if (written) give(result, written);
  }
}
"""


def host_source(entries: Sequence[EntryPoint]) -> str:
    """The C program that answers calls to `entries`."""
    cases = "\n".join(_case(number, entry) for number, entry in enumerate(entries))
    prototypes = "\n".join(dict.fromkeys(f"extern {declaration(entry)}" for entry in entries))
    return _HOST % {"prototypes": prototypes, "cases": cases, "regions": MAX_PARAMETERS}


def _case(number: int, entry: EntryPoint) -> str:
    lines = [f"    case {number}: {{"]
    for p in entry.arguments:
        lines.append(f"      uint64_t a_{p.name}; take(&a_{p.name}, 8);")
        if p.kind == "buffer":
            place = _region(entry, p.name)
            lines.append(f"      if (a_{p.name} > {MAX_MESSAGE}ULL) fail(98);")
            lines.append(f"      uint8_t *b_{p.name} = room(&regions[{place}], a_{p.name});")
            lines.append(f"      lock(&regions[{place}], 1); take(b_{p.name}, a_{p.name}); lock(&regions[{place}], 0);")
    words, produced = [], None
    for index, p in enumerate(entry.parameters):
        if p.kind == "buffer":
            words.append(f"b_{p.name}")
        elif p.kind == "length":
            words.append(f"a_{p.of}")
        elif p.kind == "output":
            top, bottom = p.times
            lines.append(
                f"      uint64_t c_{p.name} = (a_{p.of} * {top}ULL + {bottom - 1}ULL) / {bottom}ULL + {p.plus}ULL;"
            )
            lines.append(f"      uint8_t *o_{p.name} = room(&regions[{index}], c_{p.name});")
            lines.append(f"      memset(o_{p.name}, 0xA5, c_{p.name});")
            words.append(f"o_{p.name}")
            produced = p
        elif p.kind == "capacity":
            words.append(f"c_{p.of}")
        elif p.kind == "scratch":
            lines.append(
                f"      uint8_t *s_{index} = room(&regions[{index}], {p.bytes}); memset(s_{index}, 0, {p.bytes});"
            )
            words.append(f"(uint{p.word}_t *)s_{index}")
        elif p.kind == "constant":
            words.append(f"{p.value}ULL")
        elif p.kind == "result":
            lines.append(f"      uint64_t r_{p.name} = 0xA5A5A5A5A5A5A5A5ULL;")
            words.append(f"&r_{p.name}")
        else:
            words.append(f"({_C_SCALAR[p.kind]})a_{p.name}")
    called = f"{entry.symbol}({', '.join(words)})"
    if entry.result is None:
        lines.append(f"      value = (uint64_t){called};")
    else:
        lines.append(f"      {called}; value = r_{entry.result};")
    if entry.valid is not None:
        lines.append(f"      if (r_{entry.valid.result} != {entry.valid.is_}ULL) value = UINT64_MAX;")
    if produced is not None and entry.returns == "written":
        lines.append(f"      if (value <= c_{produced.name}) {{ written = value; result = o_{produced.name}; }}")
    lines.append("      break;\n    }")
    return "\n".join(lines)


_C_SCALAR = {"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t"}


def _region(entry: EntryPoint, name: str | None) -> int:
    return next(i for i, p in enumerate(entry.parameters) if p.kind == "buffer" and p.name == name)
