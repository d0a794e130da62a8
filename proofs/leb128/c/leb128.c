/*
 LEB128 (DWARF 5, section 7.6), printed from a proved program: do not edit.
 The theorems of Main.v of the component leb128 hold of exactly this text.
*/
#include <stdint.h>

static inline uint64_t load64(const uint8_t *p) {
  return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
         (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static inline uint64_t leb128_put(uint8_t *restrict out, uint64_t j, uint64_t u, uint64_t limit, uint64_t flip) {
  while ((uint64_t)(limit <= u)) {
    out[j] = (uint8_t)((UINT64_C(128) + (flip ? (UINT64_C(127) - (u % UINT64_C(128))) : (u % UINT64_C(128)))));
    u = (u / UINT64_C(128));
    j = (j + UINT64_C(1));
  }
  out[j] = (uint8_t)((flip ? (UINT64_C(127) - u) : u));
  return (j + UINT64_C(1));
}

uint64_t leb128_encode_unsigned(const uint8_t *restrict data, uint8_t *restrict out, uint64_t size);
uint64_t leb128_encode_unsigned(const uint8_t *restrict data, uint8_t *restrict out, uint64_t size) {
  uint64_t i, j;
  i = UINT64_C(0);
  j = UINT64_C(0);
  if ((uint64_t)((size % UINT64_C(8)) != UINT64_C(0))) {
    j = UINT64_C(18446744073709551615);
  } else {
    while ((uint64_t)(i < size)) {
      j = leb128_put(out, j, load64(data + i), UINT64_C(128), UINT64_C(0));
      i = (i + UINT64_C(8));
    }
  }
  return j;
}

uint64_t leb128_encode_signed(const uint8_t *restrict data, uint8_t *restrict out, uint64_t size);
uint64_t leb128_encode_signed(const uint8_t *restrict data, uint8_t *restrict out, uint64_t size) {
  uint64_t i, j, u;
  i = UINT64_C(0);
  j = UINT64_C(0);
  if ((uint64_t)((size % UINT64_C(8)) != UINT64_C(0))) {
    j = UINT64_C(18446744073709551615);
  } else {
    while ((uint64_t)(i < size)) {
      u = load64(data + i);
      if ((uint64_t)(u < UINT64_C(9223372036854775808))) {
        j = leb128_put(out, j, u, UINT64_C(64), UINT64_C(0));
      } else {
        j = leb128_put(out, j, (UINT64_C(18446744073709551615) - u), UINT64_C(64), UINT64_C(1));
      }
      i = (i + UINT64_C(8));
    }
  }
  return j;
}

static inline void leb128_take(const uint8_t *restrict data, uint64_t i, uint64_t size, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2, uint64_t *restrict result3) {
  uint64_t v, p, b, a;
  v = UINT64_C(0);
  p = UINT64_C(0);
  b = UINT64_C(128);
  a = UINT64_C(0);
  while (((uint64_t)(i < size) ? (uint64_t)(((uint64_t)(p < UINT64_C(70)) ? (uint64_t)((uint64_t)(UINT64_C(127) < b) != UINT64_C(0)) : UINT64_C(0)) != UINT64_C(0)) : UINT64_C(0))) {
    a = (b % UINT64_C(128));
    b = (uint64_t)data[i];
    v = (v + ((b % UINT64_C(128)) << p));
    p = (p + UINT64_C(7));
    i = (i + UINT64_C(1));
  }
  *result0 = v;
  *result1 = p;
  *result2 = b;
  *result3 = a;
}

static inline void leb128_take_unsigned(const uint8_t *restrict data, uint64_t i, uint64_t size, uint64_t *restrict result0, uint64_t *restrict result1) {
  uint64_t v, p, b, a;
  leb128_take(data, i, size, &v, &p, &b, &a);
  if ((uint64_t)(b < ((uint64_t)(p == UINT64_C(70)) ? UINT64_C(2) : UINT64_C(128)))) {
  } else {
    p = UINT64_C(0);
  }
  if (((uint64_t)(UINT64_C(7) < p) ? (uint64_t)((uint64_t)(b == UINT64_C(0)) != UINT64_C(0)) : UINT64_C(0))) {
    p = UINT64_C(0);
  }
  *result0 = v;
  *result1 = (p / UINT64_C(7));
}

static inline void leb128_take_signed(const uint8_t *restrict data, uint64_t i, uint64_t size, uint64_t *restrict result0, uint64_t *restrict result1) {
  uint64_t v, p, b, a;
  leb128_take(data, i, size, &v, &p, &b, &a);
  if ((uint64_t)(p == UINT64_C(70))) {
    if (((uint64_t)(b == UINT64_C(0)) ? UINT64_C(1) : (uint64_t)((uint64_t)(b == UINT64_C(127)) != UINT64_C(0)))) {
    } else {
      p = UINT64_C(0);
    }
  } else {
    if ((uint64_t)(b < UINT64_C(128))) {
    } else {
      p = UINT64_C(0);
    }
    if ((uint64_t)(UINT64_C(63) < b)) {
      v = (v - (UINT64_C(1) << p));
    }
  }
  if (((uint64_t)(UINT64_C(7) < p) ? (uint64_t)((((uint64_t)(b == UINT64_C(0)) ? (uint64_t)((uint64_t)(a < UINT64_C(64)) != UINT64_C(0)) : UINT64_C(0)) ? UINT64_C(1) : (uint64_t)(((uint64_t)(b == UINT64_C(127)) ? (uint64_t)((uint64_t)(UINT64_C(63) < a) != UINT64_C(0)) : UINT64_C(0)) != UINT64_C(0))) != UINT64_C(0)) : UINT64_C(0))) {
    p = UINT64_C(0);
  }
  *result0 = v;
  *result1 = (p / UINT64_C(7));
}

uint64_t leb128_unsigned_length(const uint8_t *restrict data, uint64_t size);
uint64_t leb128_unsigned_length(const uint8_t *restrict data, uint64_t size) {
  uint64_t v, n;
  leb128_take_unsigned(data, UINT64_C(0), size, &v, &n);
  return n;
}

uint64_t leb128_signed_length(const uint8_t *restrict data, uint64_t size);
uint64_t leb128_signed_length(const uint8_t *restrict data, uint64_t size) {
  uint64_t v, n;
  leb128_take_signed(data, UINT64_C(0), size, &v, &n);
  return n;
}

static inline uint64_t leb128_spread(uint8_t *restrict out, uint64_t j, uint64_t v) {
  out[j] = (uint8_t)(v);
  out[(j + UINT64_C(1))] = (uint8_t)((v / UINT64_C(256)));
  out[(j + UINT64_C(2))] = (uint8_t)((v / UINT64_C(65536)));
  out[(j + UINT64_C(3))] = (uint8_t)((v / UINT64_C(16777216)));
  out[(j + UINT64_C(4))] = (uint8_t)((v / UINT64_C(4294967296)));
  out[(j + UINT64_C(5))] = (uint8_t)((v / UINT64_C(1099511627776)));
  out[(j + UINT64_C(6))] = (uint8_t)((v / UINT64_C(281474976710656)));
  out[(j + UINT64_C(7))] = (uint8_t)((v / UINT64_C(72057594037927936)));
  return (j + UINT64_C(8));
}

uint64_t leb128_decode_unsigned(const uint8_t *restrict data, uint8_t *restrict out, uint64_t size);
uint64_t leb128_decode_unsigned(const uint8_t *restrict data, uint8_t *restrict out, uint64_t size) {
  uint64_t i, j, v, n;
  i = UINT64_C(0);
  j = UINT64_C(0);
  n = UINT64_C(1);
  while (((uint64_t)(i < size) ? (uint64_t)((uint64_t)(n != UINT64_C(0)) != UINT64_C(0)) : UINT64_C(0))) {
    leb128_take_unsigned(data, i, size, &v, &n);
    j = leb128_spread(out, j, v);
    i = (i + n);
  }
  if ((uint64_t)(n == UINT64_C(0))) {
    j = UINT64_C(18446744073709551615);
  }
  return j;
}

uint64_t leb128_decode_signed(const uint8_t *restrict data, uint8_t *restrict out, uint64_t size);
uint64_t leb128_decode_signed(const uint8_t *restrict data, uint8_t *restrict out, uint64_t size) {
  uint64_t i, j, v, n;
  i = UINT64_C(0);
  j = UINT64_C(0);
  n = UINT64_C(1);
  while (((uint64_t)(i < size) ? (uint64_t)((uint64_t)(n != UINT64_C(0)) != UINT64_C(0)) : UINT64_C(0))) {
    leb128_take_signed(data, i, size, &v, &n);
    j = leb128_spread(out, j, v);
    i = (i + n);
  }
  if ((uint64_t)(n == UINT64_C(0))) {
    j = UINT64_C(18446744073709551615);
  }
  return j;
}

