/* inftrees.h: the part of zlib's private interface that its test infcover.c calls by name, for that test only.
   The face has no such function: the test gets it from the system's libz.a. */
#ifndef FACE_INFTREES_H
#define FACE_INFTREES_H

typedef struct {
  unsigned char op, bits;
  unsigned short val;
} code;

typedef enum { CODES, LENS, DISTS } codetype;

enum { ENOUGH_LENS = 852, ENOUGH_DISTS = 592, ENOUGH = ENOUGH_LENS + ENOUGH_DISTS };

int inflate_table(codetype type, unsigned short *lens, unsigned codes, code **table, unsigned *bits, unsigned short *work);
#endif
