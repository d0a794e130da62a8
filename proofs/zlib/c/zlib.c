/*
 Inflate (RFC 1951), printed from a proved program: do not edit.
 Theorems Theorems.program_right and Theorems.program_resumes of the component zlib hold of exactly this text.
*/
#include <stdint.h>

static inline uint64_t load64(const uint8_t *p) {
  return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
         (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static const uint32_t zlib_lit_meaning[288] = {
  256u, 65792u, 131328u, 196864u, 262400u, 327936u, 393472u, 459008u,
  524544u, 590080u, 655616u, 721152u, 786688u, 852224u, 917760u, 983296u,
  1048832u, 1114368u, 1179904u, 1245440u, 1310976u, 1376512u, 1442048u, 1507584u,
  1573120u, 1638656u, 1704192u, 1769728u, 1835264u, 1900800u, 1966336u, 2031872u,
  2097408u, 2162944u, 2228480u, 2294016u, 2359552u, 2425088u, 2490624u, 2556160u,
  2621696u, 2687232u, 2752768u, 2818304u, 2883840u, 2949376u, 3014912u, 3080448u,
  3145984u, 3211520u, 3277056u, 3342592u, 3408128u, 3473664u, 3539200u, 3604736u,
  3670272u, 3735808u, 3801344u, 3866880u, 3932416u, 3997952u, 4063488u, 4129024u,
  4194560u, 4260096u, 4325632u, 4391168u, 4456704u, 4522240u, 4587776u, 4653312u,
  4718848u, 4784384u, 4849920u, 4915456u, 4980992u, 5046528u, 5112064u, 5177600u,
  5243136u, 5308672u, 5374208u, 5439744u, 5505280u, 5570816u, 5636352u, 5701888u,
  5767424u, 5832960u, 5898496u, 5964032u, 6029568u, 6095104u, 6160640u, 6226176u,
  6291712u, 6357248u, 6422784u, 6488320u, 6553856u, 6619392u, 6684928u, 6750464u,
  6816000u, 6881536u, 6947072u, 7012608u, 7078144u, 7143680u, 7209216u, 7274752u,
  7340288u, 7405824u, 7471360u, 7536896u, 7602432u, 7667968u, 7733504u, 7799040u,
  7864576u, 7930112u, 7995648u, 8061184u, 8126720u, 8192256u, 8257792u, 8323328u,
  8388864u, 8454400u, 8519936u, 8585472u, 8651008u, 8716544u, 8782080u, 8847616u,
  8913152u, 8978688u, 9044224u, 9109760u, 9175296u, 9240832u, 9306368u, 9371904u,
  9437440u, 9502976u, 9568512u, 9634048u, 9699584u, 9765120u, 9830656u, 9896192u,
  9961728u, 10027264u, 10092800u, 10158336u, 10223872u, 10289408u, 10354944u, 10420480u,
  10486016u, 10551552u, 10617088u, 10682624u, 10748160u, 10813696u, 10879232u, 10944768u,
  11010304u, 11075840u, 11141376u, 11206912u, 11272448u, 11337984u, 11403520u, 11469056u,
  11534592u, 11600128u, 11665664u, 11731200u, 11796736u, 11862272u, 11927808u, 11993344u,
  12058880u, 12124416u, 12189952u, 12255488u, 12321024u, 12386560u, 12452096u, 12517632u,
  12583168u, 12648704u, 12714240u, 12779776u, 12845312u, 12910848u, 12976384u, 13041920u,
  13107456u, 13172992u, 13238528u, 13304064u, 13369600u, 13435136u, 13500672u, 13566208u,
  13631744u, 13697280u, 13762816u, 13828352u, 13893888u, 13959424u, 14024960u, 14090496u,
  14156032u, 14221568u, 14287104u, 14352640u, 14418176u, 14483712u, 14549248u, 14614784u,
  14680320u, 14745856u, 14811392u, 14876928u, 14942464u, 15008000u, 15073536u, 15139072u,
  15204608u, 15270144u, 15335680u, 15401216u, 15466752u, 15532288u, 15597824u, 15663360u,
  15728896u, 15794432u, 15859968u, 15925504u, 15991040u, 16056576u, 16122112u, 16187648u,
  16253184u, 16318720u, 16384256u, 16449792u, 16515328u, 16580864u, 16646400u, 16711936u,
  512u, 196608u, 262144u, 327680u, 393216u, 458752u, 524288u, 589824u,
  655360u, 720912u, 851984u, 983056u, 1114128u, 1245216u, 1507360u, 1769504u,
  2031648u, 2293808u, 2818096u, 3342384u, 3866672u, 4390976u, 5439552u, 6488128u,
  7536704u, 8585296u, 10682448u, 12779600u, 14876752u, 16908288u, 1024u, 1024u
};

static const uint32_t zlib_dist_meaning[32] = {
  65536u, 131072u, 196608u, 262144u, 327696u, 458768u, 589856u, 852000u,
  1114160u, 1638448u, 2162752u, 3211328u, 4259920u, 6357072u, 8454240u, 12648544u,
  16842864u, 25231472u, 33620096u, 50397312u, 67174544u, 100728976u, 134283424u, 201392288u,
  268501168u, 402718896u, 536936640u, 805372096u, 1073807568u, 1610678480u, 1024u, 1024u
};

static const uint32_t zlib_code_meaning[19] = {
  0u, 65536u, 131072u, 196608u, 262144u, 327680u, 393216u, 458752u,
  524288u, 589824u, 655360u, 720896u, 786432u, 851968u, 917504u, 983040u,
  1048576u, 1114112u, 1179648u
};

static const uint8_t zlib_order[19] = {
  16u, 17u, 18u, 0u, 8u, 7u, 9u, 6u,
  10u, 5u, 11u, 4u, 12u, 3u, 13u, 2u,
  14u, 1u, 15u
};

static inline void zlib_count(const uint8_t *restrict lens, uint16_t *restrict count, uint64_t from, uint64_t size, uint64_t *restrict result0, uint64_t *restrict result1) {
  uint64_t i, space, longest, used;
  i = UINT64_C(0);
  while ((uint64_t)(i < UINT64_C(16))) {
    count[i] = (uint16_t)(UINT64_C(0));
    i = (i + UINT64_C(1));
  }
  i = UINT64_C(0);
  while ((uint64_t)(i < size)) {
    count[(uint64_t)lens[(from + i)]] = (uint16_t)(((uint64_t)count[(uint64_t)lens[(from + i)]] + UINT64_C(1)));
    i = (i + UINT64_C(1));
  }
  space = UINT64_C(0);
  longest = UINT64_C(0);
  i = UINT64_C(1);
  while ((uint64_t)(i < UINT64_C(16))) {
    space = (space + ((uint64_t)count[i] << (UINT64_C(15) - i)));
    if ((uint64_t)count[i]) {
      longest = i;
    }
    i = (i + UINT64_C(1));
  }
  used = (size - (uint64_t)count[UINT64_C(0)]);
  count[UINT64_C(0)] = (uint16_t)(longest);
  *result0 = space;
  *result1 = used;
}

static inline void zlib_sort(const uint8_t *restrict lens, const uint16_t *restrict count, uint16_t *restrict sym, uint64_t from, uint64_t size) {
  uint64_t i, l;
  uint16_t next[16] = {0};
  i = UINT64_C(1);
  while ((uint64_t)(i < UINT64_C(15))) {
    next[(i + UINT64_C(1))] = (uint16_t)(((uint64_t)next[i] + (uint64_t)count[i]));
    i = (i + UINT64_C(1));
  }
  i = UINT64_C(0);
  while ((uint64_t)(i < size)) {
    l = (uint64_t)lens[(from + i)];
    if (l) {
      sym[(uint64_t)next[l]] = (uint16_t)(i);
      next[l] = (uint16_t)(((uint64_t)next[l] + UINT64_C(1)));
    }
    i = (i + UINT64_C(1));
  }
}

static inline uint64_t zlib_reverse(uint64_t code, uint64_t k) {
  uint64_t r;
  r = UINT64_C(0);
  while (k) {
    r = ((r << UINT64_C(1)) | (code & UINT64_C(1)));
    code = (code >> UINT64_C(1));
    k = (k - UINT64_C(1));
  }
  return r;
}

static inline void zlib_fill(const uint16_t *restrict count, const uint16_t *restrict sym, const uint32_t *restrict meaning, uint32_t *restrict table, uint64_t width) {
  uint64_t size, i, code, index, k, limit, r, e;
  size = (UINT64_C(1) << width);
  i = UINT64_C(0);
  while ((uint64_t)(i < size)) {
    table[i] = (uint32_t)(UINT64_C(0));
    i = (i + UINT64_C(1));
  }
  code = UINT64_C(0);
  index = UINT64_C(0);
  k = UINT64_C(1);
  while ((uint64_t)(k < (width + UINT64_C(1)))) {
    limit = (index + (uint64_t)count[k]);
    while ((uint64_t)(index < limit)) {
      r = zlib_reverse(code, k);
      e = ((uint64_t)meaning[(uint64_t)sym[index]] | k);
      while ((uint64_t)(r < size)) {
        table[r] = (uint32_t)(e);
        r = (r + (UINT64_C(1) << k));
      }
      code = (code + UINT64_C(1));
      index = (index + UINT64_C(1));
    }
    code = (code << UINT64_C(1));
    k = (k + UINT64_C(1));
  }
}

static inline uint64_t zlib_find(const uint16_t *restrict count, const uint16_t *restrict sym, const uint32_t *restrict meaning, uint64_t bits) {
  uint64_t code, first, index, k, c, e;
  code = UINT64_C(0);
  first = UINT64_C(0);
  index = UINT64_C(0);
  e = UINT64_C(0);
  k = UINT64_C(1);
  while ((uint64_t)(k <= (uint64_t)count[UINT64_C(0)])) {
    code = ((code << UINT64_C(1)) | (bits & UINT64_C(1)));
    bits = (bits >> UINT64_C(1));
    c = (uint64_t)count[k];
    if ((uint64_t)(code < (first + c))) {
      e = ((uint64_t)meaning[(uint64_t)sym[(index + (code - first))]] | k);
      k = UINT64_C(16);
    } else {
      index = (index + c);
      first = ((first + c) << UINT64_C(1));
      k = (k + UINT64_C(1));
    }
  }
  return e;
}

static inline void zlib_refill(const uint8_t *restrict input, uint64_t pos, uint64_t end_, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2) {
  while (((uint64_t)(bc < UINT64_C(56)) ? (uint64_t)((uint64_t)(pos < end_) != UINT64_C(0)) : UINT64_C(0))) {
    bb = (bb | ((uint64_t)input[pos] << bc));
    pos = (pos + UINT64_C(1));
    bc = (bc + UINT64_C(8));
  }
  *result0 = pos;
  *result1 = bb;
  *result2 = bc;
}

static inline void zlib_fast(const uint8_t *restrict input, uint8_t *restrict out, const uint32_t *restrict lit_table, const uint16_t *restrict lit_count, const uint16_t *restrict lit_sym, const uint32_t *restrict dist_table, const uint16_t *restrict dist_count, const uint16_t *restrict dist_sym, uint64_t pos, uint64_t end_, uint64_t o, uint64_t cap, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2, uint64_t *restrict result3) {
  uint64_t go, e, f, l, n, b, len, d, limit;
  go = UINT64_C(1);
  while ((go ? (uint64_t)(((uint64_t)((pos + UINT64_C(8)) <= end_) ? (uint64_t)((uint64_t)((o + UINT64_C(258)) <= cap) != UINT64_C(0)) : UINT64_C(0)) != UINT64_C(0)) : UINT64_C(0))) {
    bb = (bb | (load64(input + pos) << bc));
    pos = (pos + ((UINT64_C(63) - bc) >> UINT64_C(3)));
    bc = (bc | UINT64_C(56));
    e = (uint64_t)lit_table[(bb & UINT64_C(2047))];
    if ((uint64_t)(e == UINT64_C(0))) {
      e = zlib_find(lit_count, lit_sym, zlib_lit_meaning, bb);
    }
    if ((e & UINT64_C(256))) {
      out[o] = (uint8_t)((e >> UINT64_C(16)));
      o = (o + UINT64_C(1));
      bb = (bb >> (e & UINT64_C(15)));
      bc = (bc - (e & UINT64_C(15)));
    } else {
      if (((uint64_t)(e == UINT64_C(0)) ? UINT64_C(1) : (uint64_t)((e & UINT64_C(1536)) != UINT64_C(0)))) {
        go = UINT64_C(0);
      } else {
        l = ((e >> UINT64_C(4)) & UINT64_C(15));
        b = (bb >> (e & UINT64_C(15)));
        len = ((e >> UINT64_C(16)) + (b & ((UINT64_C(1) << l) - UINT64_C(1))));
        b = (b >> l);
        n = ((e & UINT64_C(15)) + l);
        f = (uint64_t)dist_table[(b & UINT64_C(511))];
        if ((uint64_t)(f == UINT64_C(0))) {
          f = zlib_find(dist_count, dist_sym, zlib_dist_meaning, b);
        }
        if (((uint64_t)(f == UINT64_C(0)) ? UINT64_C(1) : (uint64_t)((f & UINT64_C(1024)) != UINT64_C(0)))) {
          go = UINT64_C(0);
        } else {
          l = ((f >> UINT64_C(4)) & UINT64_C(15));
          b = (b >> (f & UINT64_C(15)));
          d = ((f >> UINT64_C(16)) + (b & ((UINT64_C(1) << l) - UINT64_C(1))));
          if ((uint64_t)(o < d)) {
            go = UINT64_C(0);
          } else {
            bb = (b >> l);
            bc = (bc - ((n + (f & UINT64_C(15))) + l));
            limit = (o + len);
            while ((uint64_t)(o < limit)) {
              out[o] = (uint8_t)((uint64_t)out[(o - d)]);
              o = (o + UINT64_C(1));
            }
          }
        }
      }
    }
  }
  *result0 = pos;
  *result1 = o;
  *result2 = bb;
  *result3 = bc;
}

static inline void zlib_match(uint64_t *restrict state, const uint32_t *restrict dist_table, const uint16_t *restrict dist_count, const uint16_t *restrict dist_sym, uint64_t e, uint64_t o, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2) {
  uint64_t go, n, len, f, d;
  go = UINT64_C(0);
  n = ((e & UINT64_C(15)) + ((e >> UINT64_C(4)) & UINT64_C(15)));
  if ((uint64_t)(n <= bc)) {
    len = ((e >> UINT64_C(16)) + ((bb >> (e & UINT64_C(15))) & ((UINT64_C(1) << ((e >> UINT64_C(4)) & UINT64_C(15))) - UINT64_C(1))));
    f = (uint64_t)dist_table[((bb >> n) & UINT64_C(511))];
    if ((uint64_t)(f == UINT64_C(0))) {
      f = zlib_find(dist_count, dist_sym, zlib_dist_meaning, (bb >> n));
    }
    if ((uint64_t)(f == UINT64_C(0))) {
      if ((uint64_t)((uint64_t)dist_count[UINT64_C(0)] <= (bc - n))) {
        go = UINT64_C(1);
        state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
        state[UINT64_C(4)] = (uint64_t)(UINT64_C(9));
      }
    } else {
      if ((uint64_t)((n + (f & UINT64_C(15))) <= bc)) {
        if ((f & UINT64_C(1024))) {
          go = UINT64_C(1);
          state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
          state[UINT64_C(4)] = (uint64_t)(UINT64_C(9));
        } else {
          n = (n + (f & UINT64_C(15)));
          if ((uint64_t)((n + ((f >> UINT64_C(4)) & UINT64_C(15))) <= bc)) {
            d = ((f >> UINT64_C(16)) + ((bb >> n) & ((UINT64_C(1) << ((f >> UINT64_C(4)) & UINT64_C(15))) - UINT64_C(1))));
            go = UINT64_C(1);
            if ((uint64_t)(o < d)) {
              state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
              state[UINT64_C(4)] = (uint64_t)(UINT64_C(10));
            } else {
              state[UINT64_C(0)] = (uint64_t)(UINT64_C(7));
              state[UINT64_C(4)] = (uint64_t)(len);
              state[UINT64_C(5)] = (uint64_t)(d);
              n = (n + ((f >> UINT64_C(4)) & UINT64_C(15)));
              bb = (bb >> n);
              bc = (bc - n);
            }
          }
        }
      }
    }
  }
  *result0 = bb;
  *result1 = bc;
  *result2 = go;
}

static inline void zlib_token(uint8_t *restrict out, uint64_t *restrict state, const uint32_t *restrict lit_table, const uint16_t *restrict lit_count, const uint16_t *restrict lit_sym, const uint32_t *restrict dist_table, const uint16_t *restrict dist_count, const uint16_t *restrict dist_sym, uint64_t o, uint64_t cap, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2, uint64_t *restrict result3) {
  uint64_t go, e;
  go = UINT64_C(0);
  e = (uint64_t)lit_table[(bb & UINT64_C(2047))];
  if ((uint64_t)(e == UINT64_C(0))) {
    e = zlib_find(lit_count, lit_sym, zlib_lit_meaning, bb);
  }
  if ((uint64_t)(e == UINT64_C(0))) {
    if ((uint64_t)((uint64_t)lit_count[UINT64_C(0)] <= bc)) {
      go = UINT64_C(1);
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
      state[UINT64_C(4)] = (uint64_t)(UINT64_C(8));
    }
  } else {
    if ((uint64_t)((e & UINT64_C(15)) <= bc)) {
      if ((e & UINT64_C(256))) {
        if ((uint64_t)(o < cap)) {
          out[o] = (uint8_t)((e >> UINT64_C(16)));
          o = (o + UINT64_C(1));
          bb = (bb >> (e & UINT64_C(15)));
          bc = (bc - (e & UINT64_C(15)));
          go = UINT64_C(1);
        } else {
          go = UINT64_C(2);
        }
      } else {
        if ((e & UINT64_C(512))) {
          state[UINT64_C(0)] = (uint64_t)(((uint64_t)state[UINT64_C(3)] ? UINT64_C(8) : UINT64_C(0)));
          bb = (bb >> (e & UINT64_C(15)));
          bc = (bc - (e & UINT64_C(15)));
          go = UINT64_C(1);
        } else {
          if ((e & UINT64_C(1024))) {
            go = UINT64_C(1);
            state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
            state[UINT64_C(4)] = (uint64_t)(UINT64_C(8));
          } else {
            zlib_match(state, dist_table, dist_count, dist_sym, e, o, bb, bc, &bb, &bc, &go);
          }
        }
      }
    }
  }
  *result0 = o;
  *result1 = bb;
  *result2 = bc;
  *result3 = go;
}

static inline void zlib_copy(uint8_t *restrict out, uint64_t *restrict state, uint64_t o, uint64_t cap, uint64_t *restrict result0, uint64_t *restrict result1) {
  uint64_t limit, left, d, go;
  left = (uint64_t)state[UINT64_C(4)];
  d = (uint64_t)state[UINT64_C(5)];
  limit = ((uint64_t)((cap - o) < left) ? cap : (o + left));
  left = (left - (limit - o));
  while ((uint64_t)(o < limit)) {
    out[o] = (uint8_t)((uint64_t)out[(o - d)]);
    o = (o + UINT64_C(1));
  }
  state[UINT64_C(4)] = (uint64_t)(left);
  go = UINT64_C(2);
  if ((uint64_t)(left == UINT64_C(0))) {
    state[UINT64_C(0)] = (uint64_t)(UINT64_C(6));
    go = UINT64_C(1);
  }
  *result0 = o;
  *result1 = go;
}

static inline void zlib_stored(uint64_t *restrict state, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2) {
  uint64_t go, len;
  go = UINT64_C(0);
  if ((uint64_t)(((bc & UINT64_C(7)) + UINT64_C(32)) <= bc)) {
    go = UINT64_C(1);
    bb = (bb >> (bc & UINT64_C(7)));
    bc = (bc - (bc & UINT64_C(7)));
    len = (bb & UINT64_C(65535));
    if ((uint64_t)(((bb >> UINT64_C(16)) & UINT64_C(65535)) == (UINT64_C(65535) - len))) {
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(2));
      state[UINT64_C(4)] = (uint64_t)(len);
      bb = (bb >> UINT64_C(32));
      bc = (bc - UINT64_C(32));
    } else {
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
      state[UINT64_C(4)] = (uint64_t)(UINT64_C(2));
    }
  }
  *result0 = bb;
  *result1 = bc;
  *result2 = go;
}

static inline void zlib_bytes(const uint8_t *restrict input, uint8_t *restrict out, uint64_t *restrict state, uint64_t pos, uint64_t end_, uint64_t o, uint64_t cap, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2, uint64_t *restrict result3, uint64_t *restrict result4) {
  uint64_t go, left, limit;
  left = (uint64_t)state[UINT64_C(4)];
  while ((left ? (uint64_t)(((uint64_t)(o < cap) ? (uint64_t)(bc != UINT64_C(0)) : UINT64_C(0)) != UINT64_C(0)) : UINT64_C(0))) {
    out[o] = (uint8_t)(bb);
    o = (o + UINT64_C(1));
    left = (left - UINT64_C(1));
    bb = (bb >> UINT64_C(8));
    bc = (bc - UINT64_C(8));
  }
  if ((uint64_t)(bc == UINT64_C(0))) {
    bb = UINT64_C(0);
    limit = ((uint64_t)((cap - o) < left) ? cap : (o + left));
    limit = ((uint64_t)((end_ - pos) < (limit - o)) ? (o + (end_ - pos)) : limit);
    left = (left - (limit - o));
    while ((uint64_t)(o < limit)) {
      out[o] = (uint8_t)((uint64_t)input[pos]);
      o = (o + UINT64_C(1));
      pos = (pos + UINT64_C(1));
    }
  }
  state[UINT64_C(4)] = (uint64_t)(left);
  go = ((uint64_t)(o < cap) ? UINT64_C(0) : UINT64_C(2));
  if ((uint64_t)(left == UINT64_C(0))) {
    state[UINT64_C(0)] = (uint64_t)(((uint64_t)state[UINT64_C(3)] ? UINT64_C(8) : UINT64_C(0)));
    go = UINT64_C(1);
  }
  *result0 = pos;
  *result1 = o;
  *result2 = bb;
  *result3 = bc;
  *result4 = go;
}

static inline uint64_t zlib_build(const uint8_t *restrict lens, const uint32_t *restrict meaning, uint32_t *restrict table, uint16_t *restrict count, uint16_t *restrict sym, uint64_t from, uint64_t size, uint64_t width, uint64_t low, uint64_t high) {
  uint64_t space, used, ok;
  zlib_count(lens, count, from, size, &space, &used);
  ok = ((uint64_t)(space == UINT64_C(32768)) ? UINT64_C(1) : (uint64_t)(((uint64_t)(low <= used) ? (uint64_t)(((uint64_t)(used <= high) ? (uint64_t)((uint64_t)((uint64_t)count[UINT64_C(0)] <= UINT64_C(1)) != UINT64_C(0)) : UINT64_C(0)) != UINT64_C(0)) : UINT64_C(0)) != UINT64_C(0)));
  if (ok) {
    zlib_sort(lens, count, sym, from, size);
    zlib_fill(count, sym, meaning, table, width);
  }
  return ok;
}

static inline void zlib_set(uint8_t *restrict lens, uint64_t from, uint64_t limit, uint64_t l) {
  while ((uint64_t)(from < limit)) {
    lens[from] = (uint8_t)(l);
    from = (from + UINT64_C(1));
  }
}

static inline void zlib_both(uint64_t *restrict state, uint8_t *restrict lens, uint32_t *restrict lit_table, uint16_t *restrict lit_count, uint16_t *restrict lit_sym, uint32_t *restrict dist_table, uint16_t *restrict dist_count, uint16_t *restrict dist_sym, uint64_t nlit, uint64_t ndist) {
  uint64_t ok;
  ok = zlib_build(lens, zlib_lit_meaning, lit_table, lit_count, lit_sym, UINT64_C(0), nlit, UINT64_C(11), UINT64_C(1), UINT64_C(1));
  if (ok) {
    ok = zlib_build(lens, zlib_dist_meaning, dist_table, dist_count, dist_sym, nlit, ndist, UINT64_C(9), UINT64_C(0), UINT64_C(1));
    if (ok) {
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(6));
    } else {
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
      state[UINT64_C(4)] = (uint64_t)(UINT64_C(7));
    }
  } else {
    state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
    state[UINT64_C(4)] = (uint64_t)(UINT64_C(6));
  }
}

static inline void zlib_fixed(uint64_t *restrict state, uint8_t *restrict lens, uint32_t *restrict lit_table, uint16_t *restrict lit_count, uint16_t *restrict lit_sym, uint32_t *restrict dist_table, uint16_t *restrict dist_count, uint16_t *restrict dist_sym) {
  zlib_set(lens, UINT64_C(0), UINT64_C(144), UINT64_C(8));
  zlib_set(lens, UINT64_C(144), UINT64_C(256), UINT64_C(9));
  zlib_set(lens, UINT64_C(256), UINT64_C(280), UINT64_C(7));
  zlib_set(lens, UINT64_C(280), UINT64_C(288), UINT64_C(8));
  zlib_set(lens, UINT64_C(288), UINT64_C(320), UINT64_C(5));
  zlib_both(state, lens, lit_table, lit_count, lit_sym, dist_table, dist_count, dist_sym, UINT64_C(288), UINT64_C(32));
}

static inline void zlib_block(uint64_t *restrict state, uint8_t *restrict lens, uint32_t *restrict lit_table, uint16_t *restrict lit_count, uint16_t *restrict lit_sym, uint32_t *restrict dist_table, uint16_t *restrict dist_count, uint16_t *restrict dist_sym, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2) {
  uint64_t go, type;
  go = UINT64_C(0);
  if ((uint64_t)(UINT64_C(3) <= bc)) {
    go = UINT64_C(1);
    state[UINT64_C(3)] = (uint64_t)((bb & UINT64_C(1)));
    type = ((bb >> UINT64_C(1)) & UINT64_C(3));
    bb = (bb >> UINT64_C(3));
    bc = (bc - UINT64_C(3));
    if ((uint64_t)(type == UINT64_C(0))) {
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(1));
    } else {
      if ((uint64_t)(type == UINT64_C(1))) {
        zlib_fixed(state, lens, lit_table, lit_count, lit_sym, dist_table, dist_count, dist_sym);
      } else {
        if ((uint64_t)(type == UINT64_C(2))) {
          state[UINT64_C(0)] = (uint64_t)(UINT64_C(3));
        } else {
          state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
          state[UINT64_C(4)] = (uint64_t)(UINT64_C(1));
        }
      }
    }
  }
  *result0 = bb;
  *result1 = bc;
  *result2 = go;
}

static inline void zlib_dynamic(uint64_t *restrict state, uint8_t *restrict lens, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2) {
  uint64_t go;
  go = UINT64_C(0);
  if ((uint64_t)(UINT64_C(14) <= bc)) {
    go = UINT64_C(1);
    state[UINT64_C(6)] = (uint64_t)(((bb & UINT64_C(31)) + UINT64_C(257)));
    state[UINT64_C(7)] = (uint64_t)((((bb >> UINT64_C(5)) & UINT64_C(31)) + UINT64_C(1)));
    state[UINT64_C(8)] = (uint64_t)((((bb >> UINT64_C(10)) & UINT64_C(15)) + UINT64_C(4)));
    state[UINT64_C(9)] = (uint64_t)(UINT64_C(0));
    bb = (bb >> UINT64_C(14));
    bc = (bc - UINT64_C(14));
    if (((uint64_t)((uint64_t)state[UINT64_C(6)] <= UINT64_C(286)) ? (uint64_t)((uint64_t)((uint64_t)state[UINT64_C(7)] <= UINT64_C(30)) != UINT64_C(0)) : UINT64_C(0))) {
      zlib_set(lens, UINT64_C(0), UINT64_C(19), UINT64_C(0));
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(4));
    } else {
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
      state[UINT64_C(4)] = (uint64_t)(UINT64_C(3));
    }
  }
  *result0 = bb;
  *result1 = bc;
  *result2 = go;
}

static inline void zlib_code(uint64_t *restrict state, uint8_t *restrict lens, uint32_t *restrict dist_table, uint16_t *restrict dist_count, uint16_t *restrict dist_sym, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2) {
  uint64_t go, ok;
  go = UINT64_C(1);
  if ((uint64_t)((uint64_t)state[UINT64_C(9)] < (uint64_t)state[UINT64_C(8)])) {
    if ((uint64_t)(UINT64_C(3) <= bc)) {
      lens[(uint64_t)zlib_order[(uint64_t)state[UINT64_C(9)]]] = (uint8_t)((bb & UINT64_C(7)));
      state[UINT64_C(9)] = (uint64_t)(((uint64_t)state[UINT64_C(9)] + UINT64_C(1)));
      bb = (bb >> UINT64_C(3));
      bc = (bc - UINT64_C(3));
    } else {
      go = UINT64_C(0);
    }
  } else {
    ok = zlib_build(lens, zlib_code_meaning, dist_table, dist_count, dist_sym, UINT64_C(0), UINT64_C(19), UINT64_C(7), UINT64_C(1), UINT64_C(0));
    state[UINT64_C(9)] = (uint64_t)(UINT64_C(0));
    if (ok) {
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(5));
    } else {
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
      state[UINT64_C(4)] = (uint64_t)(UINT64_C(4));
    }
  }
  *result0 = bb;
  *result1 = bc;
  *result2 = go;
}

static inline void zlib_repeat(uint64_t *restrict state, uint8_t *restrict lens, uint64_t l, uint64_t count) {
  uint64_t i;
  i = (uint64_t)state[UINT64_C(9)];
  if ((uint64_t)((i + count) <= ((uint64_t)state[UINT64_C(6)] + (uint64_t)state[UINT64_C(7)]))) {
    zlib_set(lens, i, (i + count), l);
    state[UINT64_C(9)] = (uint64_t)((i + count));
  } else {
    state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
    state[UINT64_C(4)] = (uint64_t)(UINT64_C(5));
  }
}

static inline void zlib_length(uint64_t *restrict state, uint8_t *restrict lens, const uint32_t *restrict dist_table, const uint16_t *restrict dist_count, const uint16_t *restrict dist_sym, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2) {
  uint64_t go, e, n, s, l, x, least;
  go = UINT64_C(0);
  e = (uint64_t)dist_table[(bb & UINT64_C(127))];
  if ((uint64_t)(e == UINT64_C(0))) {
    e = zlib_find(dist_count, dist_sym, zlib_code_meaning, bb);
  }
  n = (e & UINT64_C(15));
  if ((uint64_t)(e == UINT64_C(0))) {
    if ((uint64_t)((uint64_t)dist_count[UINT64_C(0)] <= bc)) {
      go = UINT64_C(1);
      state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
      state[UINT64_C(4)] = (uint64_t)(UINT64_C(5));
    }
  } else {
    if ((uint64_t)(n <= bc)) {
      s = (e >> UINT64_C(16));
      if ((uint64_t)(s < UINT64_C(16))) {
        l = s;
        x = UINT64_C(0);
        least = UINT64_C(1);
      } else {
        l = UINT64_C(0);
        x = UINT64_C(7);
        least = UINT64_C(11);
        if ((uint64_t)(s < UINT64_C(18))) {
          x = UINT64_C(3);
          least = UINT64_C(3);
        }
        if ((uint64_t)(s == UINT64_C(16))) {
          x = UINT64_C(2);
        }
      }
      if (((uint64_t)(s == UINT64_C(16)) ? (uint64_t)((uint64_t)((uint64_t)state[UINT64_C(9)] == UINT64_C(0)) != UINT64_C(0)) : UINT64_C(0))) {
        go = UINT64_C(1);
        state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
        state[UINT64_C(4)] = (uint64_t)(UINT64_C(5));
      } else {
        if ((uint64_t)((n + x) <= bc)) {
          go = UINT64_C(1);
          if ((uint64_t)(s == UINT64_C(16))) {
            l = (uint64_t)lens[((uint64_t)state[UINT64_C(9)] - UINT64_C(1))];
          }
          zlib_repeat(state, lens, l, (least + ((bb >> n) & ((UINT64_C(1) << x) - UINT64_C(1)))));
          n = (n + x);
          bb = (bb >> n);
          bc = (bc - n);
        }
      }
    }
  }
  *result0 = bb;
  *result1 = bc;
  *result2 = go;
}

static inline void zlib_codes(uint64_t *restrict state, uint8_t *restrict lens, uint32_t *restrict lit_table, uint16_t *restrict lit_count, uint16_t *restrict lit_sym, uint32_t *restrict dist_table, uint16_t *restrict dist_count, uint16_t *restrict dist_sym) {
  if ((uint64_t)lens[UINT64_C(256)]) {
    zlib_both(state, lens, lit_table, lit_count, lit_sym, dist_table, dist_count, dist_sym, (uint64_t)state[UINT64_C(6)], (uint64_t)state[UINT64_C(7)]);
  } else {
    state[UINT64_C(0)] = (uint64_t)(UINT64_C(9));
    state[UINT64_C(4)] = (uint64_t)(UINT64_C(11));
  }
}

static inline void zlib_header(uint64_t *restrict state, uint8_t *restrict lens, uint32_t *restrict lit_table, uint16_t *restrict lit_count, uint16_t *restrict lit_sym, uint32_t *restrict dist_table, uint16_t *restrict dist_count, uint16_t *restrict dist_sym, uint64_t bb, uint64_t bc, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2) {
  uint64_t go;
  go = UINT64_C(1);
  if ((uint64_t)((uint64_t)state[UINT64_C(0)] == UINT64_C(0))) {
    zlib_block(state, lens, lit_table, lit_count, lit_sym, dist_table, dist_count, dist_sym, bb, bc, &bb, &bc, &go);
  } else {
    if ((uint64_t)((uint64_t)state[UINT64_C(0)] == UINT64_C(1))) {
      zlib_stored(state, bb, bc, &bb, &bc, &go);
    } else {
      if ((uint64_t)((uint64_t)state[UINT64_C(0)] == UINT64_C(3))) {
        zlib_dynamic(state, lens, bb, bc, &bb, &bc, &go);
      } else {
        if ((uint64_t)((uint64_t)state[UINT64_C(0)] == UINT64_C(4))) {
          zlib_code(state, lens, dist_table, dist_count, dist_sym, bb, bc, &bb, &bc, &go);
        } else {
          if ((uint64_t)((uint64_t)state[UINT64_C(0)] == UINT64_C(5))) {
            if ((uint64_t)((uint64_t)state[UINT64_C(9)] == ((uint64_t)state[UINT64_C(6)] + (uint64_t)state[UINT64_C(7)]))) {
              zlib_codes(state, lens, lit_table, lit_count, lit_sym, dist_table, dist_count, dist_sym);
            } else {
              zlib_length(state, lens, dist_table, dist_count, dist_sym, bb, bc, &bb, &bc, &go);
            }
          } else {
            go = ((uint64_t)((uint64_t)state[UINT64_C(0)] == UINT64_C(8)) ? UINT64_C(3) : UINT64_C(4));
          }
        }
      }
    }
  }
  *result0 = bb;
  *result1 = bc;
  *result2 = go;
}

void zlib_inflate(const uint8_t *restrict input, uint8_t *restrict out, uint64_t *restrict state, uint8_t *restrict lens, uint32_t *restrict lit_table, uint16_t *restrict lit_count, uint16_t *restrict lit_sym, uint32_t *restrict dist_table, uint16_t *restrict dist_count, uint16_t *restrict dist_sym, uint64_t from, uint64_t end_, uint64_t o, uint64_t cap, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2);
void zlib_inflate(const uint8_t *restrict input, uint8_t *restrict out, uint64_t *restrict state, uint8_t *restrict lens, uint32_t *restrict lit_table, uint16_t *restrict lit_count, uint16_t *restrict lit_sym, uint32_t *restrict dist_table, uint16_t *restrict dist_count, uint16_t *restrict dist_sym, uint64_t from, uint64_t end_, uint64_t o, uint64_t cap, uint64_t *restrict result0, uint64_t *restrict result1, uint64_t *restrict result2) {
  uint64_t pos, bb, bc, go, back;
  pos = from;
  bb = (uint64_t)state[UINT64_C(1)];
  bc = (uint64_t)state[UINT64_C(2)];
  go = UINT64_C(1);
  while ((uint64_t)(go == UINT64_C(1))) {
    zlib_refill(input, pos, end_, bb, bc, &pos, &bb, &bc);
    if ((uint64_t)((uint64_t)state[UINT64_C(0)] == UINT64_C(6))) {
      zlib_fast(input, out, lit_table, lit_count, lit_sym, dist_table, dist_count, dist_sym, pos, end_, o, cap, bb, bc, &pos, &o, &bb, &bc);
      zlib_refill(input, pos, end_, bb, bc, &pos, &bb, &bc);
      zlib_token(out, state, lit_table, lit_count, lit_sym, dist_table, dist_count, dist_sym, o, cap, bb, bc, &o, &bb, &bc, &go);
    } else {
      if ((uint64_t)((uint64_t)state[UINT64_C(0)] == UINT64_C(7))) {
        zlib_copy(out, state, o, cap, &o, &go);
      } else {
        if ((uint64_t)((uint64_t)state[UINT64_C(0)] == UINT64_C(2))) {
          zlib_bytes(input, out, state, pos, end_, o, cap, bb, bc, &pos, &o, &bb, &bc, &go);
        } else {
          zlib_header(state, lens, lit_table, lit_count, lit_sym, dist_table, dist_count, dist_sym, bb, bc, &bb, &bc, &go);
        }
      }
    }
  }
  if ((uint64_t)(go != UINT64_C(0))) {
    back = ((uint64_t)((pos - from) < (bc >> UINT64_C(3))) ? (pos - from) : (bc >> UINT64_C(3)));
    pos = (pos - back);
    bc = (bc - (back << UINT64_C(3)));
  }
  state[UINT64_C(1)] = (uint64_t)((bb & ((UINT64_C(1) << bc) - UINT64_C(1))));
  state[UINT64_C(2)] = (uint64_t)(bc);
  *result0 = go;
  *result1 = pos;
  *result2 = o;
}

