/* inflate.h: what the C face keeps of a stream. Its name is that of zlib's own private header, because zlib's test
   infcover.c includes that one, asks for the size of `struct inflate_state` and sets `mode`.

   Written by hand: nothing here is proved. The arrays that the proved program works on are named in its statement. */
#ifndef FACE_INFLATE_H
#define FACE_INFLATE_H
#include <stdint.h>
#include <zlib.h>

typedef enum {
  HEAD = 1, /* the two bytes that all headers begin with */
  FLAGS, TIME, SYSTEM, EXTRA_SIZE, EXTRA, NAME, COMMENT, HEADER_CRC, /* gzip, in this order */
  DICTID, DICT, /* zlib: which dictionary is needed; it is waited for */
  DATA, CHECK, LENGTH, DONE, BAD,
  MEM, /* there was no memory: only a reset helps */
  SYNC /* inflateSync has not found anything yet */
} inflate_mode;

enum {
  ZLIB = 1, GZIP = 2, VALIDATE = 4, /* bits of `wrap`: formats that are taken; whether checksums count */
  HISTORY = 1 << 15, /* bytes that distances reach back */
  ROOM = 1 << 16 /* bytes of the window: history and what is decoded at once */
};

struct inflate_state {
  z_streamp strm; /* to whom this belongs */
  inflate_mode mode;
  int wrap, wbits; /* as inflateInit2 was told */
  int flags; /* of a gzip header; 0: zlib; -1: no header yet */
  unsigned limit; /* log2 of the largest window a zlib header may ask for; 0: any */
  gz_headerp head;
  unsigned long held; /* a field of a few bytes, the first the lowest */
  unsigned have, extra_left, text_at; /* bytes of `held`, or found by inflateSync; of the extra field to come; of a text */
  unsigned long check, header_check, total;
  unsigned char *window; /* what was decoded last stands before window[size] */
  uint64_t size;
  unsigned char *shown; /* inflateBackInit's window, where its caller sees the output */
  /* The proved program's: */
  uint64_t state[10];
  uint8_t lens[320];
  uint32_t lit_table[2048];
  uint16_t lit_count[16], lit_sym[288];
  uint32_t dist_table[512];
  uint16_t dist_count[16], dist_sym[32];
};
#endif
