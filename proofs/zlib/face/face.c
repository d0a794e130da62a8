/* face.c: zlib's C interface for decompression and checksums, around the proved programs of proofs/zlib, adler32 and crc32.

   THIS FILE IS NOT PROVED. It is written by hand, for two uses: running zlib's own C tests against the proved decoder, and
   programs in C that call zlib by name. DEFLATE itself is decoded by zlib_inflate, checksums are computed by
   adler32_update and crc32_update; headers, trailers, windows and return codes are the work of this file.

   Where it says less than zlib: Z_BLOCK and Z_TREES do not stop at blocks, data_type is not set, inflateMark and
   inflateCodesUsed know nothing of the program's insides. `wbits` bounds what a header may ask for, not how far back
   distances reach. */
#include "inflate.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void zlib_inflate(const uint8_t *input, uint8_t *out, uint64_t *state, uint8_t *lens, uint32_t *lit_table,
                  uint16_t *lit_count, uint16_t *lit_sym, uint32_t *dist_table, uint16_t *dist_count, uint16_t *dist_sym,
                  uint64_t from, uint64_t end, uint64_t o, uint64_t cap, uint64_t *go, uint64_t *pos, uint64_t *reached);
uint64_t adler32_update(const uint8_t *data, uint64_t size, uint64_t value);
uint64_t adler32_join(uint64_t first, uint64_t second, uint64_t size);
uint64_t crc32_update(const uint8_t *data, uint64_t size, uint64_t value);
uint64_t crc32_join(uint64_t first, uint64_t second, uint64_t size);

enum { MORE_INPUT = 0, MORE_ROOM = 2, ENDED = 3, INVALID = 4 }; /* what zlib_inflate answers */
enum { OF_MODE = 0, OF_BITS = 1, OF_COUNT = 2, OF_REASON = 4 }; /* words of its state */
enum { AT_BLOCK = 0, AT_STORED_LENGTH = 1 }; /* modes of its own */
enum { HAS_CRC = 0x200, HAS_EXTRA = 0x400, HAS_NAME = 0x800, HAS_COMMENT = 0x1000, RESERVED = 0xe000 };

typedef struct inflate_state *State;

/* ---- checksums ---- */

uLong adler32_z(uLong value, const Bytef *data, z_size_t size) { return data ? adler32_update(data, size, value) : 1; }
uLong adler32(uLong value, const Bytef *data, uInt size) { return adler32_z(value, data, size); }
uLong crc32_z(uLong value, const Bytef *data, z_size_t size) { return data ? crc32_update(data, size, value) : 0; }
uLong crc32(uLong value, const Bytef *data, uInt size) { return crc32_z(value, data, size); }

uLong adler32_combine(uLong first, uLong second, z_off_t size) {
  return size < 0 ? 0xffffffffUL : adler32_join(first, second, (uint64_t)size);
}
uLong crc32_combine(uLong first, uLong second, z_off_t size) { return crc32_join(first, second, (uint64_t)size); }
uLong adler32_combine64(uLong first, uLong second, z_off_t size) { return adler32_combine(first, second, size); }
uLong crc32_combine64(uLong first, uLong second, z_off_t size) { return crc32_combine(first, second, size); }

/* ---- a stream's memory ---- */

static voidpf own_alloc(voidpf opaque, uInt items, uInt size) { (void)opaque; return calloc(items, size); }
static void own_free(voidpf opaque, voidpf address) { (void)opaque; free(address); }

static State of(z_streamp strm) { /* NULL unless this is a stream of ours */
  State s = strm && strm->zalloc && strm->zfree ? (State)strm->state : NULL;
  return s && s->strm == strm && s->mode >= HEAD && s->mode <= SYNC ? s : NULL;
}

static int has_window(State s) {
  if (!s->window) s->window = s->strm->zalloc(s->strm->opaque, 1, ROOM);
  if (!s->window) s->mode = MEM;
  return s->window != NULL;
}

static void remember(State s, const Bytef *data, size_t size) { /* put data after the history */
  size_t taken = size < HISTORY ? size : HISTORY, kept = HISTORY - taken < s->size ? HISTORY - taken : s->size;
  memmove(s->window, s->window + (s->size - kept), kept);
  if (taken) memcpy(s->window + kept, data + (size - taken), taken);
  s->size = kept + taken;
}

static int parse(int windowBits, int *wrap, int *wbits) { /* whether it means anything */
  if (windowBits < -15) return 0;
  *wrap = windowBits < 0 ? 0 : windowBits / 16 + 5;
  *wbits = windowBits < 0 ? -windowBits : windowBits < 48 ? windowBits % 16 : windowBits;
  return *wbits == 0 || (*wbits >= 8 && *wbits <= 15);
}

int inflateResetKeep(z_streamp strm) {
  State s = of(strm);
  if (!s) return Z_STREAM_ERROR;
  strm->total_in = strm->total_out = s->total = 0;
  strm->msg = Z_NULL;
  if (s->wrap) strm->adler = s->wrap & 1;
  s->mode = HEAD;
  s->flags = -1;
  s->limit = (unsigned)s->wbits;
  s->head = Z_NULL;
  s->held = s->have = 0;
  memset(s->state, 0, sizeof s->state);
  return Z_OK;
}

int inflateReset(z_streamp strm) {
  State s = of(strm);
  if (!s) return Z_STREAM_ERROR;
  s->size = 0;
  return inflateResetKeep(strm);
}

int inflateReset2(z_streamp strm, int windowBits) {
  State s = of(strm);
  int wrap, wbits;
  if (!s || !parse(windowBits, &wrap, &wbits)) return Z_STREAM_ERROR;
  s->wrap = wrap;
  s->wbits = wbits;
  return inflateReset(strm);
}

int inflateInit2_(z_streamp strm, int windowBits, const char *version, int stream_size) {
  State s;
  int wrap, wbits;
  if (!version || version[0] != ZLIB_VERSION[0] || stream_size != (int)sizeof(z_stream)) return Z_VERSION_ERROR;
  if (!strm) return Z_STREAM_ERROR;
  strm->msg = Z_NULL;
  strm->state = Z_NULL;
  if (!parse(windowBits, &wrap, &wbits)) return Z_STREAM_ERROR;
  if (!strm->zalloc) { strm->zalloc = own_alloc; strm->opaque = Z_NULL; }
  if (!strm->zfree) strm->zfree = own_free;
  s = strm->zalloc(strm->opaque, 1, sizeof *s);
  if (!s) return Z_MEM_ERROR;
  memset(s, 0, sizeof *s);
  strm->state = (struct internal_state *)s;
  s->strm = strm;
  s->mode = HEAD;
  return inflateReset2(strm, windowBits);
}

int inflateInit_(z_streamp strm, const char *version, int stream_size) {
  return inflateInit2_(strm, MAX_WBITS, version, stream_size);
}

int inflateEnd(z_streamp strm) {
  State s = of(strm);
  if (!s) return Z_STREAM_ERROR;
  if (s->window) strm->zfree(strm->opaque, s->window);
  strm->zfree(strm->opaque, s);
  strm->state = Z_NULL;
  return Z_OK;
}

int inflateCopy(z_streamp dest, z_streamp source) {
  State s = of(source), copy;
  if (!s || !dest) return Z_STREAM_ERROR;
  copy = source->zalloc(source->opaque, 1, sizeof *copy);
  if (!copy) return Z_MEM_ERROR;
  *copy = *s;
  copy->strm = dest;
  if (s->window) {
    copy->window = source->zalloc(source->opaque, 1, ROOM);
    if (!copy->window) {
      source->zfree(source->opaque, copy);
      return Z_MEM_ERROR;
    }
    memcpy(copy->window, s->window, s->size);
  }
  *dest = *source;
  dest->state = (struct internal_state *)copy;
  return Z_OK;
}

/* ---- headers: each field is taken byte by byte ---- */

static int bad(State s, const char *why) {
  s->strm->msg = (char *)why;
  s->mode = BAD;
  return Z_DATA_ERROR;
}

static int byte(State s) { /* the next byte of the input, or -1 */
  if (!s->strm->avail_in) return -1;
  s->strm->avail_in--;
  s->strm->total_in++;
  return *s->strm->next_in++;
}

static int field(State s, unsigned size, unsigned long *value) { /* whether all its bytes are there */
  while (s->have < size) {
    int next = byte(s);
    if (next < 0) return 0;
    s->held |= (unsigned long)next << 8 * s->have++;
  }
  *value = s->held;
  s->held = s->have = 0;
  return 1;
}

static void cover(State s, unsigned long value, unsigned size) { /* by the checksum of a gzip header */
  uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
  s->header_check = crc32_update(bytes, size, s->header_check);
}

static int text(State s, int there, Bytef *to, unsigned room) { /* a text that ends with a zero; whether it is over */
  int next = -1;
  if (!there) return 1;
  while (next && (next = byte(s)) >= 0) {
    if (to && s->text_at < room) to[s->text_at++] = (Bytef)next;
    cover(s, (unsigned long)next, 1);
  }
  return next == 0;
}

static void begin(State s) { /* data come next */
  s->strm->adler = s->check = s->flags > 0 ? 0 : 1;
  s->total = 0;
  s->mode = DATA;
}

static int first(State s, unsigned long value) { /* two bytes: what is it? */
  if ((s->wrap & GZIP) && value == 0x8b1f) {
    s->header_check = 0;
    cover(s, value, 2);
    s->mode = FLAGS;
    return Z_OK;
  }
  s->flags = 0;
  if (s->head) s->head->done = -1;
  if (!(s->wrap & ZLIB) || ((value & 255) * 256 + (value >> 8)) % 31) return bad(s, "incorrect header check");
  if ((value & 15) != Z_DEFLATED) return bad(s, "unknown compression method");
  if ((value >> 4 & 15) + 8 > (s->limit ? s->limit : 15)) return bad(s, "invalid window size");
  if (!s->limit) s->limit = (value >> 4 & 15) + 8;
  if (value & 0x2000) s->mode = DICTID;
  else begin(s);
  return Z_OK;
}

static int header(State s) { /* Z_OK: there is no more input, or the header is over */
  unsigned long value;
  gz_headerp head = s->head;
  for (;;) switch (s->mode) {
    case HEAD:
      if (!s->wrap) {
        s->mode = DATA;
        return Z_OK;
      }
      if (!field(s, 2, &value)) return Z_OK;
      if (first(s, value) != Z_OK) return Z_DATA_ERROR;
      break;
    case FLAGS:
      if (!field(s, 2, &value)) return Z_OK;
      s->flags = (int)value;
      if ((value & 255) != Z_DEFLATED) return bad(s, "unknown compression method");
      if (value & RESERVED) return bad(s, "unknown header flags set");
      if (head) head->text = value >> 8 & 1;
      cover(s, value, 2);
      s->mode = TIME;
      break;
    case TIME:
      if (!field(s, 4, &value)) return Z_OK;
      if (head) head->time = value;
      cover(s, value, 4);
      s->mode = SYSTEM;
      break;
    case SYSTEM:
      if (!field(s, 2, &value)) return Z_OK;
      if (head) {
        head->xflags = value & 255;
        head->os = (int)(value >> 8);
      }
      cover(s, value, 2);
      s->mode = EXTRA_SIZE;
      break;
    case EXTRA_SIZE:
      value = 0;
      if (s->flags & HAS_EXTRA) {
        if (!field(s, 2, &value)) return Z_OK;
        cover(s, value, 2);
        if (head) head->extra_len = (uInt)value;
      } else if (head) head->extra = Z_NULL;
      s->extra_left = (unsigned)value;
      s->mode = EXTRA;
      break;
    case EXTRA:
      while (s->extra_left) {
        int next = byte(s);
        if (next < 0) return Z_OK;
        if (head && head->extra && head->extra_len - s->extra_left < head->extra_max)
          head->extra[head->extra_len - s->extra_left] = (Bytef)next;
        cover(s, (unsigned long)next, 1);
        s->extra_left--;
      }
      s->text_at = 0;
      s->mode = NAME;
      break;
    case NAME:
      if (!text(s, s->flags & HAS_NAME, head ? head->name : Z_NULL, head ? head->name_max : 0)) return Z_OK;
      if (head && !(s->flags & HAS_NAME)) head->name = Z_NULL;
      s->text_at = 0;
      s->mode = COMMENT;
      break;
    case COMMENT:
      if (!text(s, s->flags & HAS_COMMENT, head ? head->comment : Z_NULL, head ? head->comm_max : 0)) return Z_OK;
      if (head && !(s->flags & HAS_COMMENT)) head->comment = Z_NULL;
      s->mode = HEADER_CRC;
      break;
    case HEADER_CRC:
      if (s->flags & HAS_CRC) {
        if (!field(s, 2, &value)) return Z_OK;
        if ((s->wrap & VALIDATE) && value != (s->header_check & 0xffff)) return bad(s, "header crc mismatch");
      }
      if (head) {
        head->hcrc = s->flags >> 9 & 1;
        head->done = 1;
      }
      begin(s);
      break;
    case DICTID:
      if (!field(s, 4, &value)) return Z_OK;
      value = (value & 255) << 24 | (value >> 8 & 255) << 16 | (value >> 16 & 255) << 8 | value >> 24;
      s->strm->adler = s->check = value;
      s->mode = DICT;
      break;
    case DICT: return Z_NEED_DICT;
    default: return Z_OK;
    }
}

/* ---- data and trailers ---- */

static const char *reason(uint64_t number) { /* in zlib's words */
  static const char *const words[] = {
    "invalid data", "invalid block type", "invalid stored block lengths", "too many length or distance symbols",
    "invalid code lengths set", "invalid bit length repeat", "invalid literal/lengths set", "invalid distances set",
    "invalid literal/length code", "invalid distance code", "invalid distance too far back",
    "invalid code -- missing end-of-block"};
  return words[number < sizeof words / sizeof *words ? number : 0];
}

static int decode(State s) {
  z_streamp strm = s->strm;
  if (!has_window(s)) return Z_MEM_ERROR;
  for (;;) {
    uint64_t go, pos, reached, cap;
    size_t made;
    if (s->size == ROOM) remember(s, Z_NULL, 0);
    cap = ROOM - s->size < strm->avail_out ? ROOM : s->size + strm->avail_out;
    zlib_inflate(strm->next_in, s->window, s->state, s->lens, s->lit_table, s->lit_count, s->lit_sym, s->dist_table,
                 s->dist_count, s->dist_sym, 0, strm->avail_in, s->size, cap, &go, &pos, &reached);
    made = reached - s->size;
    if (made) memcpy(strm->next_out, s->window + s->size, made);
    if (s->wrap & VALIDATE)
      strm->adler = s->check = (s->flags ? crc32_update : adler32_update)(s->window + s->size, made, s->check);
    s->size = reached;
    s->total += made;
    strm->next_in += pos; strm->avail_in -= (uInt)pos; strm->total_in += pos;
    strm->next_out += made; strm->avail_out -= (uInt)made; strm->total_out += made;
    if (go == INVALID) return bad(s, reason(s->state[OF_REASON]));
    if (go == ENDED) s->mode = s->wrap ? CHECK : DONE;
    if (go != MORE_ROOM || !strm->avail_out) return Z_OK;
  }
}

static int trailer(State s) {
  unsigned long value, check = s->check;
  if (s->mode == CHECK) {
    if (!field(s, 4, &value)) return Z_OK;
    if (!s->flags) check = (check & 255) << 24 | (check >> 8 & 255) << 16 | (check >> 16 & 255) << 8 | check >> 24;
    if ((s->wrap & VALIDATE) && value != check) return bad(s, "incorrect data check");
    s->mode = s->flags ? LENGTH : DONE;
  }
  if (s->mode == LENGTH) {
    if (!field(s, 4, &value)) return Z_OK;
    if ((s->wrap & VALIDATE) && value != (s->total & 0xffffffff)) return bad(s, "incorrect length check");
    s->mode = DONE;
  }
  return Z_STREAM_END;
}

int inflate(z_streamp strm, int flush) {
  State s = of(strm);
  uInt in, out;
  int said = Z_OK;
  if (!s || !strm->next_out || (!strm->next_in && strm->avail_in)) return Z_STREAM_ERROR;
  in = strm->avail_in;
  out = strm->avail_out;
  if (s->mode < DATA) said = header(s);
  if (s->mode == DATA) said = decode(s);
  if (said == Z_OK && s->mode >= CHECK && s->mode <= DONE) said = trailer(s);
  if (s->mode == BAD) said = Z_DATA_ERROR;
  if (s->mode == MEM) said = Z_MEM_ERROR;
  if (s->mode == SYNC) said = Z_STREAM_ERROR;
  if (said == Z_OK && ((in == strm->avail_in && out == strm->avail_out) || flush == Z_FINISH)) said = Z_BUF_ERROR;
  return said;
}

/* ---- the rest of the interface ---- */

int inflateSetDictionary(z_streamp strm, const Bytef *dictionary, uInt size) {
  State s = of(strm);
  if (!s || (s->wrap && s->mode != DICT)) return Z_STREAM_ERROR;
  if (s->mode == DICT && adler32(1, dictionary, size) != s->check) return Z_DATA_ERROR;
  if (!has_window(s)) return Z_MEM_ERROR;
  remember(s, dictionary, size);
  if (s->mode == DICT) begin(s);
  return Z_OK;
}

int inflateGetDictionary(z_streamp strm, Bytef *dictionary, uInt *size) {
  State s = of(strm);
  uInt there;
  if (!s) return Z_STREAM_ERROR;
  there = s->size < HISTORY ? (uInt)s->size : HISTORY;
  if (there && dictionary) memcpy(dictionary, s->window + (s->size - there), there);
  if (size) *size = there;
  return Z_OK;
}

int inflateGetHeader(z_streamp strm, gz_headerp head) {
  State s = of(strm);
  if (!s || !(s->wrap & GZIP)) return Z_STREAM_ERROR;
  s->head = head;
  head->done = 0;
  return Z_OK;
}

int inflatePrime(z_streamp strm, int bits, int value) { /* no state of the proved program's: it speaks of whole bytes */
  State s = of(strm);
  uint64_t count;
  if (!s) return Z_STREAM_ERROR;
  if (bits == 0) return Z_OK;
  count = s->state[OF_COUNT];
  if (bits < 0) {
    s->state[OF_BITS] = s->state[OF_COUNT] = 0;
    return Z_OK;
  }
  if (bits > 16 || count + (unsigned)bits > 32) return Z_STREAM_ERROR;
  s->state[OF_BITS] |= ((uint64_t)(unsigned)value & ((UINT64_C(1) << bits) - 1)) << count;
  s->state[OF_COUNT] += (unsigned)bits;
  return Z_OK;
}

static void search(State s, uint64_t *at, const Bytef *data, uint64_t size) { /* for 0 0 255 255 */
  while (*at < size && s->have < 4) {
    Bytef next = data[(*at)++];
    if (next == (s->have < 2 ? 0 : 255)) s->have++;
    else s->have = next ? 0 : 4 - s->have; /* three zeros end in two */
  }
}

int inflateSync(z_streamp strm) { /* to where a full flush ended */
  State s = of(strm);
  uint64_t at = 0;
  uLong in, out;
  int flags;
  if (!s) return Z_STREAM_ERROR;
  if (!strm->avail_in && s->state[OF_COUNT] < 8) return Z_BUF_ERROR;
  if (s->mode != SYNC) { /* whole bytes that were read ahead come first */
    Bytef ahead[8];
    uint64_t bits = s->state[OF_BITS] >> (s->state[OF_COUNT] & 7), count = s->state[OF_COUNT] / 8;
    for (uint64_t i = 0; i < count; i++) ahead[i] = (Bytef)(bits >> 8 * i);
    s->mode = SYNC;
    s->state[OF_BITS] = s->state[OF_COUNT] = 0;
    s->held = s->have = 0;
    search(s, &at, ahead, count);
  }
  at = 0;
  search(s, &at, strm->next_in, strm->avail_in);
  strm->next_in += at; strm->avail_in -= (uInt)at; strm->total_in += at;
  if (s->have != 4) return Z_DATA_ERROR;
  if (s->flags < 0) s->wrap = 0; /* no header was seen */
  else s->wrap &= ~VALIDATE; /* what was skipped is not in the checksum */
  flags = s->flags;
  in = strm->total_in;
  out = strm->total_out;
  inflateReset(strm);
  strm->total_in = in;
  strm->total_out = out;
  s->flags = flags;
  s->mode = DATA;
  return Z_OK;
}

int inflateSyncPoint(z_streamp strm) {
  State s = of(strm);
  if (!s) return Z_STREAM_ERROR;
  return s->mode == DATA && s->state[OF_MODE] == AT_STORED_LENGTH && s->state[OF_COUNT] < 8;
}

int inflateValidate(z_streamp strm, int check) {
  State s = of(strm);
  if (!s) return Z_STREAM_ERROR;
  if (check && s->wrap) s->wrap |= VALIDATE;
  else s->wrap &= ~VALIDATE;
  return Z_OK;
}

int inflateUndermine(z_streamp strm, int subvert) { (void)subvert; return of(strm) ? Z_DATA_ERROR : Z_STREAM_ERROR; }
long inflateMark(z_streamp strm) { (void)strm; return -65536L; } /* nothing is known of where it is within a block */
unsigned long inflateCodesUsed(z_streamp strm) { return of(strm) ? 0 : ULONG_MAX; }

/* ---- inflateBack: a raw stream; `window` is where the caller sees the output, the history is kept elsewhere ---- */

int inflateBackInit_(z_streamp strm, int windowBits, unsigned char *window, const char *version, int stream_size) {
  State s;
  int said;
  if (!version || version[0] != ZLIB_VERSION[0] || stream_size != (int)sizeof(z_stream)) return Z_VERSION_ERROR;
  if (!strm || !window || windowBits < 8 || windowBits > 15) return Z_STREAM_ERROR;
  said = inflateInit2_(strm, -windowBits, version, stream_size);
  s = of(strm);
  if (said != Z_OK || !s) return said;
  s->shown = window;
  return Z_OK;
}

int inflateBack(z_streamp strm, in_func in, void *in_desc, out_func out, void *out_desc) {
  State s = of(strm);
  unsigned size;
  int said = Z_OK;
  if (!s || !s->shown) return Z_STREAM_ERROR;
  size = 1U << s->wbits;
  inflateReset(strm);
  if (!strm->next_in) strm->avail_in = 0;
  strm->next_out = s->shown;
  strm->avail_out = size;
  for (;;) {
    if (!strm->avail_in) {
      z_const unsigned char *piece = Z_NULL;
      strm->avail_in = in(in_desc, &piece);
      strm->next_in = piece;
      if (!strm->avail_in) {
        strm->next_in = Z_NULL;
        said = Z_BUF_ERROR;
      }
    }
    if (said == Z_OK) said = inflate(strm, Z_NO_FLUSH);
    if (said == Z_OK && strm->avail_out) continue;
    if (strm->avail_out < size && out(out_desc, s->shown, size - strm->avail_out) && said >= Z_OK) {
      strm->next_in = strm->avail_in ? strm->next_in : (z_const Bytef *)"";
      return Z_BUF_ERROR;
    }
    if (said != Z_OK) return said;
    strm->next_out = s->shown;
    strm->avail_out = size;
  }
}

int inflateBackEnd(z_streamp strm) { return inflateEnd(strm); }

/* ---- in one go ---- */

int uncompress2(Bytef *dest, uLongf *destLen, const Bytef *source, uLong *sourceLen) {
  z_stream strm = {0};
  Bytef none[1]; /* where there is no room: to tell a stream that ends from one that does not */
  uLong left = *destLen ? *destLen : 1, to_read = *sourceLen;
  Bytef *to = *destLen ? dest : none;
  int said = inflateInit(&strm), empty = !*destLen;
  if (said != Z_OK) return said;
  strm.next_in = (z_const Bytef *)source;
  strm.next_out = to;
  do {
    if (!strm.avail_out) {
      strm.avail_out = left < UINT_MAX ? (uInt)left : UINT_MAX;
      left -= strm.avail_out;
    }
    if (!strm.avail_in) {
      strm.avail_in = to_read < UINT_MAX ? (uInt)to_read : UINT_MAX;
      to_read -= strm.avail_in;
    }
    said = inflate(&strm, Z_NO_FLUSH);
  } while (said == Z_OK);
  *sourceLen -= to_read + strm.avail_in;
  *destLen = empty ? 0 : strm.total_out;
  if (said == Z_BUF_ERROR && left + strm.avail_out) said = Z_DATA_ERROR; /* there was room: it is cut short */
  if (said == Z_STREAM_END && empty && strm.total_out) said = Z_BUF_ERROR;
  inflateEnd(&strm);
  return said == Z_STREAM_END ? Z_OK : said == Z_NEED_DICT ? Z_DATA_ERROR : said;
}

int uncompress(Bytef *dest, uLongf *destLen, const Bytef *source, uLong sourceLen) {
  return uncompress2(dest, destLen, source, &sourceLen);
}
