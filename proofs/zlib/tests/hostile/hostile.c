/* hostile.c: the printed decoder under random and structured inputs, for a build with sanitizers (see run.sh).

   Every array has exactly the size that it needs, so that a step outside is seen. Input and room come whole or in pieces.
   C zlib decodes the same input, and has to say the same: the data and the length, or no. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include PROGRAM /* the printed program itself */

enum { MORE_INPUT = 0, MORE_ROOM = 2, DONE = 3, INVALID = 4, STREAMS = 4000, LONGEST = 1200 };

static uint64_t seed;
static uint64_t below(uint64_t n) { /* xorshift64*; the modulus does no harm here */
  seed ^= seed >> 12; seed ^= seed << 25; seed ^= seed >> 27;
  return n ? (seed * UINT64_C(2685821657736338717) >> 11) % n : 0;
}

static uint8_t *streams[STREAMS];
static size_t lengths[STREAMS];

static void fail(const char *why, const uint8_t *data, size_t size) {
  printf("%s:", why);
  for (size_t i = 0; i < size; i++) printf(" %02x", data[i]);
  printf("\n");
  exit(1);
}

static void make_stream(int place) { /* by C zlib: all levels, strategies, windows, memory, flushes */
  uint8_t plain[LONGEST], packed[2 * LONGEST + 1000];
  size_t size = below(4) ? below(300) : below(LONGEST), kind = below(4);
  for (size_t i = 0; i < size; i++)
    plain[i] = kind == 0 ? below(256) : kind == 1 ? "etaoin shrdlu"[below(13)]
             : i > 9 && below(kind == 2 ? 20 : 300) ? plain[i - 1 - below(kind == 2 ? 9 : 1)] : below(256);
  z_stream z = {0};
  if (deflateInit2(&z, (int)below(10), Z_DEFLATED, -9 - (int)below(7), 1 + (int)below(9), (int)below(5)) != Z_OK) exit(2);
  size_t half = below(size + 1);
  z.next_in = plain; z.avail_in = (uInt)half; z.next_out = packed; z.avail_out = sizeof packed;
  deflate(&z, (int[]){Z_NO_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_BLOCK}[below(5)]);
  z.avail_in += (uInt)(size - half);
  if (deflate(&z, Z_FINISH) != Z_STREAM_END) exit(2);
  lengths[place] = z.total_out;
  streams[place] = memcpy(malloc(z.total_out), packed, z.total_out);
  deflateEnd(&z);
}

static size_t make_input(uint8_t *to) { /* at most 2 * LONGEST + 1000 bytes */
  size_t kind = below(8), size;
  if (kind == 0) { /* random bytes; often the head of a dynamic block */
    size = below(below(3) ? 60 : 600);
    for (size_t i = 0; i < size; i++) to[i] = (uint8_t)below(256);
    if (size && below(2)) to[0] = (uint8_t)((to[0] & 0xf8) | 4 | below(2));
    return size;
  }
  int first = (int)below(STREAMS), second = (int)below(STREAMS);
  size = lengths[first];
  memcpy(to, streams[first], size);
  if (kind == 1) return size;
  if (kind == 2) return below(size + 1);
  if (kind == 3) { /* the beginning of one, the end of another */
    size_t cut = below(size), from = below(lengths[second]);
    if (cut + lengths[second] - from > 2 * LONGEST) return cut;
    memcpy(to + cut, streams[second] + from, lengths[second] - from);
    return cut + lengths[second] - from;
  }
  if (kind == 4) { /* random bytes after a beginning: codes are at work on them */
    size_t cut = below(size);
    size = cut + below(200);
    for (size_t i = cut; i < size; i++) to[i] = (uint8_t)below(256);
    return size;
  }
  for (size_t n = 1 + below(4); n--;) to[below(below(2) ? size : size < 30 ? size : 30)] ^= (uint8_t)(1u << below(8));
  return size;
}

#define ARRAYS state, lens, lit_table, lit_count, lit_sym, dist_table, dist_count, dist_sym

int main(int argc, char **argv) {
  uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000, answers[5] = {0}, calls = 0, later = 0;
  seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  if (!seed) return 2;
  uint64_t *state = malloc(80);
  uint8_t *lens = malloc(320);
  uint32_t *lit_table = malloc(8192), *dist_table = malloc(2048);
  uint16_t *lit_count = malloc(32), *lit_sym = malloc(576), *dist_count = malloc(32), *dist_sym = malloc(64);
  /* Only the state has to be zeros at first: the rest begins as rubbish, and later holds what the last input left. */
  memset(lens, 0xa5, 320); memset(lit_table, 0xa5, 8192); memset(dist_table, 0xa5, 2048); memset(lit_count, 0xa5, 32);
  memset(lit_sym, 0xa5, 576); memset(dist_count, 0xa5, 32); memset(dist_sym, 0xa5, 64);
  for (int i = 0; i < STREAMS; i++) make_stream(i);
  z_stream z = {0};
  if (inflateInit2(&z, -15) != Z_OK) return 2;
  static uint8_t made[2 * LONGEST + 2000], theirs[80000];
  for (uint64_t n = 0; n < count; n++) {
    size_t size = make_input(made), room = below(8) ? below(2000) : below(40000);
    uint8_t *input = memcpy(malloc(size ? size : 1), made, size), *out = malloc(room ? room : 1);
    uint64_t pos = 0, end = 0, o = 0, cap = 0, go = MORE_INPUT, pieces = below(3), before;
    memset(state, 0, 80);
    memset(out, 0xa5, room);
    do {
      end = pieces && below(20) ? end + below(size - end + 1) % 50 : size;
      cap = pieces && below(20) ? cap + below(room - cap + 1) % 400 : room;
      before = o;
      uint64_t at = pos;
      zlib_inflate(input, out, ARRAYS, pos, end, o, cap, &go, &pos, &o);
      calls++;
      if (pos < at || pos > end || o < before || o > cap) fail("out of its bounds", input, size);
      if (go == MORE_INPUT ? pos != end : go == MORE_ROOM ? o != cap : go != DONE && go != INVALID)
        fail("an answer that cannot be", input, size);
      for (uint64_t i = o; i < cap; i += 1 + i / 64)
        if (out[i] != 0xa5) fail("it wrote beyond its output", input, size);
    } while (go == MORE_INPUT ? end < size : go == MORE_ROOM && cap < room);
    answers[go]++;
    inflateReset(&z);
    z.next_in = input; z.avail_in = (uInt)size; z.next_out = theirs; z.avail_out = (uInt)room;
    int said = inflate(&z, Z_SYNC_FLUSH);
    if (said == Z_BUF_ERROR) said = Z_OK;
    if ((go == DONE) != (said == Z_STREAM_END)) fail("zlib says otherwise", input, size);
    if (go == DONE && (z.total_in != pos || z.total_out != o)) fail("other lengths than zlib's", input, size);
    if (go != INVALID && said != Z_DATA_ERROR && (z.total_out != o || memcmp(theirs, out, o))) fail("other data", input, size);
    if (go == INVALID && said == Z_OK) { /* zlib needs more input, or room, to see it: it has to see it then */
      static uint8_t zeros[64];
      inflateReset(&z);
      z.next_in = input; z.avail_in = (uInt)size; z.next_out = theirs; z.avail_out = sizeof theirs;
      said = inflate(&z, Z_SYNC_FLUSH);
      z.next_in = zeros; z.avail_in = sizeof zeros;
      if (said != Z_DATA_ERROR && inflate(&z, Z_SYNC_FLUSH) != Z_DATA_ERROR) fail("zlib goes on", input, size);
      later++;
    } else if ((go == INVALID) != (said == Z_DATA_ERROR) && !(go == MORE_ROOM && said == Z_DATA_ERROR))
      fail("zlib takes it for something else", input, size);
    free(input); free(out);
  }
  printf("%" PRIu64 " inputs, %" PRIu64 " calls: %" PRIu64 " whole, %" PRIu64 " invalid, %" PRIu64 " want more input, %" PRIu64
         " more room; %" PRIu64 " that zlib refuses only later\n",
         count, calls, answers[DONE], answers[INVALID], answers[MORE_INPUT], answers[MORE_ROOM], later);
  void *kept[] = {ARRAYS};
  for (int i = 0; i < 8; i++) free(kept[i]);
  for (int i = 0; i < STREAMS; i++) free(streams[i]);
  inflateEnd(&z);
  return 0;
}
