/*
 Adler-32 (RFC 1950), printed from a proved program: do not edit.
 Theorems Main.update_right and Main.join_right of the component adler32 hold of exactly this text.
*/
#include <stdint.h>

static inline uint64_t load64(const uint8_t *p) {
  return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
         (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static inline void adler32_batch(const uint8_t *restrict data, uint64_t from, uint64_t stop, uint64_t a, uint64_t b, uint64_t *restrict result0, uint64_t *restrict result1) {
  while ((uint64_t)(from < stop)) {
    a = (a + (uint64_t)data[from]);
    b = (b + a);
    from = (from + UINT64_C(1));
  }
  *result0 = a;
  *result1 = b;
}

uint64_t adler32_update(const uint8_t *restrict data, uint64_t size, uint64_t value);
uint64_t adler32_update(const uint8_t *restrict data, uint64_t size, uint64_t value) {
  uint64_t a, b, i, stop;
  a = ((value & UINT64_C(65535)) % UINT64_C(65521));
  b = (((value >> UINT64_C(16)) & UINT64_C(65535)) % UINT64_C(65521));
  i = UINT64_C(0);
  while ((uint64_t)(i < size)) {
    stop = ((uint64_t)((size - i) < UINT64_C(5552)) ? size : (i + UINT64_C(5552)));
    adler32_batch(data, i, stop, a, b, &a, &b);
    a = (a % UINT64_C(65521));
    b = (b % UINT64_C(65521));
    i = stop;
  }
  return ((b * UINT64_C(65536)) + a);
}

uint64_t adler32_join(uint64_t first, uint64_t second, uint64_t size);
uint64_t adler32_join(uint64_t first, uint64_t second, uint64_t size) {
  uint64_t a, b, c;
  a = ((first & UINT64_C(65535)) % UINT64_C(65521));
  c = ((second & UINT64_C(65535)) % UINT64_C(65521));
  b = (((((first >> UINT64_C(16)) & UINT64_C(65535)) + ((second >> UINT64_C(16)) & UINT64_C(65535))) + ((size % UINT64_C(65521)) * (a + UINT64_C(65520)))) % UINT64_C(65521));
  a = (((a + c) + UINT64_C(65520)) % UINT64_C(65521));
  return ((b * UINT64_C(65536)) + a);
}

