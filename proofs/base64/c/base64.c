/*
 Base64 (RFC 4648, section 4), printed from a proved program: do not edit.
 Theorems Main.encode_right and Main.decode_right of the component base64 hold of exactly this text.
*/
#include <stdint.h>

static inline uint64_t load64(const uint8_t *p) {
  return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
         (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static const uint8_t base64_alphabet[64] = {
  65u, 66u, 67u, 68u, 69u, 70u, 71u, 72u,
  73u, 74u, 75u, 76u, 77u, 78u, 79u, 80u,
  81u, 82u, 83u, 84u, 85u, 86u, 87u, 88u,
  89u, 90u, 97u, 98u, 99u, 100u, 101u, 102u,
  103u, 104u, 105u, 106u, 107u, 108u, 109u, 110u,
  111u, 112u, 113u, 114u, 115u, 116u, 117u, 118u,
  119u, 120u, 121u, 122u, 48u, 49u, 50u, 51u,
  52u, 53u, 54u, 55u, 56u, 57u, 43u, 47u
};

static const uint32_t base64_values[256] = {
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 62u, 16777216u, 16777216u, 16777216u, 63u,
  52u, 53u, 54u, 55u, 56u, 57u, 58u, 59u,
  60u, 61u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 0u, 1u, 2u, 3u, 4u, 5u, 6u,
  7u, 8u, 9u, 10u, 11u, 12u, 13u, 14u,
  15u, 16u, 17u, 18u, 19u, 20u, 21u, 22u,
  23u, 24u, 25u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 26u, 27u, 28u, 29u, 30u, 31u, 32u,
  33u, 34u, 35u, 36u, 37u, 38u, 39u, 40u,
  41u, 42u, 43u, 44u, 45u, 46u, 47u, 48u,
  49u, 50u, 51u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u,
  16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u, 16777216u
};

uint64_t base64_encode(const uint8_t *restrict data, uint8_t *restrict out, uint64_t size);
uint64_t base64_encode(const uint8_t *restrict data, uint8_t *restrict out, uint64_t size) {
  uint64_t i, j, n;
  i = UINT64_C(0);
  j = UINT64_C(0);
  while ((uint64_t)((i + UINT64_C(3)) <= size)) {
    n = ((((uint64_t)data[i] * UINT64_C(65536)) + ((uint64_t)data[(i + UINT64_C(1))] * UINT64_C(256))) + (uint64_t)data[(i + UINT64_C(2))]);
    out[j] = (uint8_t)((uint64_t)base64_alphabet[(n / UINT64_C(262144))]);
    out[(j + UINT64_C(1))] = (uint8_t)((uint64_t)base64_alphabet[((n / UINT64_C(4096)) % UINT64_C(64))]);
    out[(j + UINT64_C(2))] = (uint8_t)((uint64_t)base64_alphabet[((n / UINT64_C(64)) % UINT64_C(64))]);
    out[(j + UINT64_C(3))] = (uint8_t)((uint64_t)base64_alphabet[(n % UINT64_C(64))]);
    i = (i + UINT64_C(3));
    j = (j + UINT64_C(4));
  }
  if ((uint64_t)((i + UINT64_C(2)) == size)) {
    n = ((((uint64_t)data[i] * UINT64_C(256)) + (uint64_t)data[(i + UINT64_C(1))]) * UINT64_C(4));
    out[j] = (uint8_t)((uint64_t)base64_alphabet[(n / UINT64_C(4096))]);
    out[(j + UINT64_C(1))] = (uint8_t)((uint64_t)base64_alphabet[((n / UINT64_C(64)) % UINT64_C(64))]);
    out[(j + UINT64_C(2))] = (uint8_t)((uint64_t)base64_alphabet[(n % UINT64_C(64))]);
    out[(j + UINT64_C(3))] = (uint8_t)(UINT64_C(61));
    j = (j + UINT64_C(4));
  } else {
    if ((uint64_t)((i + UINT64_C(1)) == size)) {
      n = ((uint64_t)data[i] * UINT64_C(16));
      out[j] = (uint8_t)((uint64_t)base64_alphabet[(n / UINT64_C(64))]);
      out[(j + UINT64_C(1))] = (uint8_t)((uint64_t)base64_alphabet[(n % UINT64_C(64))]);
      out[(j + UINT64_C(2))] = (uint8_t)(UINT64_C(61));
      out[(j + UINT64_C(3))] = (uint8_t)(UINT64_C(61));
      j = (j + UINT64_C(4));
    }
  }
  return j;
}

static inline uint64_t base64_last(const uint8_t *restrict text, uint8_t *restrict out, uint64_t i, uint64_t j) {
  uint64_t n;
  if ((uint64_t)((uint64_t)text[(i + UINT64_C(3))] != UINT64_C(61))) {
    n = (((((uint64_t)base64_values[(uint64_t)text[i]] * UINT64_C(262144)) + ((uint64_t)base64_values[(uint64_t)text[(i + UINT64_C(1))]] * UINT64_C(4096))) + ((uint64_t)base64_values[(uint64_t)text[(i + UINT64_C(2))]] * UINT64_C(64))) + (uint64_t)base64_values[(uint64_t)text[(i + UINT64_C(3))]]);
    if ((uint64_t)(n < UINT64_C(16777216))) {
      out[j] = (uint8_t)((n / UINT64_C(65536)));
      out[(j + UINT64_C(1))] = (uint8_t)((n / UINT64_C(256)));
      out[(j + UINT64_C(2))] = (uint8_t)(n);
      j = (j + UINT64_C(3));
    } else {
      j = UINT64_C(18446744073709551615);
    }
  } else {
    if ((uint64_t)((uint64_t)text[(i + UINT64_C(2))] != UINT64_C(61))) {
      n = ((((uint64_t)base64_values[(uint64_t)text[i]] * UINT64_C(4096)) + ((uint64_t)base64_values[(uint64_t)text[(i + UINT64_C(1))]] * UINT64_C(64))) + (uint64_t)base64_values[(uint64_t)text[(i + UINT64_C(2))]]);
      if (((uint64_t)(n < UINT64_C(262144)) ? (uint64_t)((uint64_t)((n % UINT64_C(4)) == UINT64_C(0)) != UINT64_C(0)) : UINT64_C(0))) {
        out[j] = (uint8_t)((n / UINT64_C(1024)));
        out[(j + UINT64_C(1))] = (uint8_t)((n / UINT64_C(4)));
        j = (j + UINT64_C(2));
      } else {
        j = UINT64_C(18446744073709551615);
      }
    } else {
      n = (((uint64_t)base64_values[(uint64_t)text[i]] * UINT64_C(64)) + (uint64_t)base64_values[(uint64_t)text[(i + UINT64_C(1))]]);
      if (((uint64_t)(n < UINT64_C(4096)) ? (uint64_t)((uint64_t)((n % UINT64_C(16)) == UINT64_C(0)) != UINT64_C(0)) : UINT64_C(0))) {
        out[j] = (uint8_t)((n / UINT64_C(16)));
        j = (j + UINT64_C(1));
      } else {
        j = UINT64_C(18446744073709551615);
      }
    }
  }
  return j;
}

uint64_t base64_decode(const uint8_t *restrict text, uint8_t *restrict out, uint64_t size);
uint64_t base64_decode(const uint8_t *restrict text, uint8_t *restrict out, uint64_t size) {
  uint64_t i, j, n;
  i = UINT64_C(0);
  j = UINT64_C(0);
  n = UINT64_C(0);
  if ((uint64_t)((size % UINT64_C(4)) != UINT64_C(0))) {
    j = UINT64_C(18446744073709551615);
  } else {
    while (((uint64_t)((i + UINT64_C(4)) < size) ? (uint64_t)((uint64_t)(n < UINT64_C(16777216)) != UINT64_C(0)) : UINT64_C(0))) {
      n = (((((uint64_t)base64_values[(uint64_t)text[i]] * UINT64_C(262144)) + ((uint64_t)base64_values[(uint64_t)text[(i + UINT64_C(1))]] * UINT64_C(4096))) + ((uint64_t)base64_values[(uint64_t)text[(i + UINT64_C(2))]] * UINT64_C(64))) + (uint64_t)base64_values[(uint64_t)text[(i + UINT64_C(3))]]);
      out[j] = (uint8_t)((n / UINT64_C(65536)));
      out[(j + UINT64_C(1))] = (uint8_t)((n / UINT64_C(256)));
      out[(j + UINT64_C(2))] = (uint8_t)(n);
      i = (i + UINT64_C(4));
      j = (j + UINT64_C(3));
    }
    if ((uint64_t)(n < UINT64_C(16777216))) {
      if ((uint64_t)(i < size)) {
        j = base64_last(text, out, i, j);
      }
    } else {
      j = UINT64_C(18446744073709551615);
    }
  }
  return j;
}

