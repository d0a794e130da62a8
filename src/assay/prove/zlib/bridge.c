/*
 One call from Python where there would be several: the proved programs, and between them the window, the checksum and the
 trailer. This is not proved: it is tested, and does nothing that `program.py` would not do in its place, only more slowly.
 Python reads the declarations up to the mark; `program.py` compiles the whole.
*/
#include <stdint.h>
#include <string.h>

/* declarations */

typedef struct {  /* what zlib_inflate keeps from one call to the next, and what the latest one answered */
  uint64_t state[10];
  uint8_t lens[320];
  uint32_t lit_table[2048]; uint16_t lit_count[16]; uint16_t lit_sym[288];
  uint32_t dist_table[512]; uint16_t dist_count[16]; uint16_t dist_sym[32];
  uint64_t answer, position, size;
} decoder;

typedef struct {  /* a decoder for whole streams, and memory for short outputs */
  decoder decoder;
  uint8_t out[65536];
} whole;

typedef struct {  /* a stream that comes in pieces; in its window stands what came out last */
  decoder decoder;
  uint64_t kind, checksum, produced;
  uint64_t filled;  /* bytes in the window */
  uint8_t window[49664];
} stream;

uint64_t bridge_open(void *inflate, void *adler32, void *crc32);
uint64_t bridge_checksum(uint64_t kind, const uint8_t *data, uint64_t size, uint64_t value);
uint64_t bridge_begin(decoder *d, const uint8_t *data, uint64_t from, uint64_t end, uint8_t *out, uint64_t cap);
uint64_t bridge_run(decoder *d, const uint8_t *data, uint64_t from, uint64_t end, uint8_t *out, uint64_t o, uint64_t cap);
uint64_t bridge_whole(whole *w, const uint8_t *data, uint64_t end, uint64_t room);
uint64_t bridge_next(stream *s, const uint8_t *data, uint64_t end);
uint64_t bridge_feed(stream *s, const uint8_t *data, uint64_t from, uint64_t end, uint64_t limit, uint8_t *lent, uint64_t room);

/* end of the declarations */

enum { MORE_INPUT = 0, MORE_ROOM = 2, DONE = 3, INVALID = 4, UNUSUAL = 5 };
enum { RAW = 0, ZLIB = 1, GZIP = 2 };
enum { HISTORY = 32768, UNFINISHED = 1 << 20 };
#define NO_LIMIT UINT64_MAX

typedef void inflate_program(
  const uint8_t *input, uint8_t *out, uint64_t *state, uint8_t *lens,
  uint32_t *lit_table, uint16_t *lit_count, uint16_t *lit_sym,
  uint32_t *dist_table, uint16_t *dist_count, uint16_t *dist_sym,
  uint64_t from, uint64_t end, uint64_t o, uint64_t cap, uint64_t *go, uint64_t *position, uint64_t *size);
typedef uint64_t checksum_program(const uint8_t *data, uint64_t size, uint64_t value);

static inflate_program *inflate;
static checksum_program *adler32, *crc32;

/* What the program makes of one byte that begins a block with fixed codes: the same tables each time, and a state. A stream
   that begins so is begun by copying these: its first call has been made already. */
static decoder fixed;
static uint64_t begun[64][10];
static uint64_t fixed_known;

static int begins_fixed(uint64_t byte) { return (byte & 6) == 2; }
static uint64_t place_of(uint64_t byte) { return byte >> 3 << 1 | (byte & 1); }

uint64_t bridge_run(decoder *d, const uint8_t *data, uint64_t from, uint64_t end, uint8_t *out, uint64_t o, uint64_t cap) {
  inflate(data, out, d->state, d->lens, d->lit_table, d->lit_count, d->lit_sym, d->dist_table, d->dist_count, d->dist_sym,
          from, end, o, cap, &d->answer, &d->position, &d->size);
  return d->answer;
}

/* To be called once, before anything else, with the addresses of the programs; says whether all is as it has to be. */
uint64_t bridge_open(void *inflate_address, void *adler32_address, void *crc32_address) {
  uint8_t out[1];
  inflate = (inflate_program *)inflate_address;
  adler32 = (checksum_program *)adler32_address;
  crc32 = (checksum_program *)crc32_address;
  fixed_known = 0;
  for (uint64_t byte = 0; byte < 256; byte++) {
    uint8_t data[1] = {(uint8_t)byte};
    decoder d;
    if (!begins_fixed(byte)) continue;
    memset(&d, 0, sizeof d);
    if (bridge_run(&d, data, 0, 1, out, 0, 0) != MORE_INPUT || d.position != 1) return 0;
    memcpy(begun[place_of(byte)], d.state, sizeof d.state);
    memset(d.state, 0, sizeof d.state);
    if (place_of(byte) == 0) fixed = d;
    if (memcmp(&fixed, &d, sizeof d)) return 0;
  }
  fixed_known = 1;
  return 1;
}

/* A new stream, with no history. */
uint64_t bridge_begin(decoder *d, const uint8_t *data, uint64_t from, uint64_t end, uint8_t *out, uint64_t cap) {
  if (from < end && begins_fixed(data[from]) && fixed_known) {
    *d = fixed;
    memcpy(d->state, begun[place_of(data[from])], sizeof d->state);
    from = from + 1;
  } else {
    memset(d->state, 0, sizeof d->state);
  }
  return bridge_run(d, data, from, end, out, 0, cap);
}

uint64_t bridge_checksum(uint64_t kind, const uint8_t *data, uint64_t size, uint64_t value) {
  return kind == ZLIB ? adler32(data, size, value) : kind == GZIP ? crc32(data, size, value) : 0;
}

/* A header of RFC 1950 that allows a window of 32,768 bytes at most and asks for no dictionary. */
static int usual(const uint8_t *data, uint64_t end) {
  return end >= 2 && (data[0] & 15) == 8 && data[0] >> 4 <= 7 && !(data[1] & 32) && (data[0] * 256 + data[1]) % 31 == 0;
}

/* A stream of RFC 1950: how many bytes stand in `out`, if it is whole, right and as short as `room`. Otherwise how far it
   came: an answer of the program, or UNUSUAL if its header is none of the usual ones and nothing is done yet. */
uint64_t bridge_whole(whole *w, const uint8_t *data, uint64_t end, uint64_t room) {
  decoder *d = &w->decoder;
  if (!usual(data, end)) return UNFINISHED + UNUSUAL;
  if (bridge_begin(d, data, 2, end, w->out, room) == DONE && end - d->position >= 4) {
    const uint8_t *t = data + d->position;
    uint64_t expected = (uint64_t)t[0] << 24 | (uint64_t)t[1] << 16 | (uint64_t)t[2] << 8 | t[3];
    if (adler32(w->out, d->size, 1) == expected) return d->size;
  }
  return UNFINISHED + d->answer;
}

/* The last bytes of a window to the beginning of one, as far as distances reach. A few more are kept, for both places to be
   aligned alike: processors are ten times slower at moving memory by a little more than pages. */
static uint64_t recent(const uint8_t *source, uint64_t size, uint8_t *target) {
  uint64_t kept = size;
  if (size > HISTORY) {
    kept = HISTORY + (((uintptr_t)source + (size - HISTORY) - (uintptr_t)target) & 63);
    if (kept > size) kept = HISTORY;
  }
  memmove(target, source + (size - kept), kept);
  return kept;
}

/* Go on with data[from:end], at most to `limit` bytes and to the end of the window; for long inputs `lent` is another one, and
   at the end the last bytes stand in the stream's own. Gives back the answer, whether input is left (bit 3), where the new
   bytes begin in the window (from bit 8) and how many they are (from bit 32). */
uint64_t bridge_feed(stream *s, const uint8_t *data, uint64_t from, uint64_t end, uint64_t limit, uint8_t *lent, uint64_t room) {
  decoder *d = &s->decoder;
  uint8_t *window = lent ? lent : s->window;
  uint64_t start, made;
  if (!lent) room = sizeof s->window;
  if (lent || s->filled == room) s->filled = recent(s->window, s->filled, window);
  start = s->filled;
  bridge_run(d, data, from, end, window, start, limit < room - start ? start + limit : room);
  made = d->size - start;
  if (made && s->kind != RAW) s->checksum = bridge_checksum(s->kind, window + start, made, s->checksum);
  s->produced += made;
  s->filled = lent ? recent(lent, d->size, s->window) : d->size;
  return d->answer | (uint64_t)(d->position != end) << 3 | start << 8 | made << 32;
}

/* All of the data, without a limit, in the stream's own window, in which room is made first if it may be wanted. */
uint64_t bridge_next(stream *s, const uint8_t *data, uint64_t end) {
  uint64_t most = sizeof s->window - HISTORY, wanted = end < most / 4 ? 4 * end : most;
  if (sizeof s->window - s->filled < wanted) s->filled = recent(s->window, s->filled, s->window);
  return bridge_feed(s, data, 0, end, NO_LIMIT, 0, 0);
}
