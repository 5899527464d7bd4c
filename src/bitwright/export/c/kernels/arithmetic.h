/* Sums to codes, and pairs of 16-bit numbers in one register: by the DSP instructions of the
 * processor where it has them (ARMv7E-M, ARMv8-M with DSP), else in plain C. */
#ifndef BITWRIGHT_ARITHMETIC_H
#define BITWRIGHT_ARITHMETIC_H

#include <stdint.h>
#include <string.h>

#include "bitwright.h"

#define BW_INLINE static inline __attribute__((always_inline))

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#define BW_DSP 1
#else
#define BW_DSP 0
#endif

/* Hides from the compiler how a number came about. In the loops over rows it would else keep, for
 * every array, a pointer of its own in memory, and load, advance and store each of them. */
#if BW_DSP
#define BW_HIDE(number) __asm__("" : "+r"(number))
#else
#define BW_HIDE(number) (void)0
#endif

/* Four sums: of one row of weights with four pixels, or of four channels. */
typedef struct {
    int32_t a, b, c, d; /* names, not an array: they stay in registers then */
} bw_sums;

BW_INLINE uint32_t bw_load(const void *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

BW_INLINE void bw_store(void *bytes, uint32_t word)
{
    memcpy(bytes, &word, sizeof word);
}

/* Bytes 0 and 2 of a word as two numbers of 16 bits; and bytes 1 and 3. */
BW_INLINE uint32_t bw_unsigned_even(uint32_t word)
{
#if BW_DSP
    uint32_t pair;
    __asm__("uxtb16 %0, %1" : "=r"(pair) : "r"(word));
    return pair;
#else
    return word & 0x00FF00FFU;
#endif
}

BW_INLINE uint32_t bw_unsigned_odd(uint32_t word)
{
#if BW_DSP
    uint32_t pair;
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
#else
    return word >> 8 & 0x00FF00FFU;
#endif
}

BW_INLINE uint32_t bw_signed_even(uint32_t word)
{
#if BW_DSP
    uint32_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
    return pair;
#else
    /* Of each byte, less 256 where its sign bit is set; the borrow stays in its half. */
    uint32_t flipped = (word & 0x00FF00FFU) ^ 0x00800080U;
    uint32_t low = (flipped - 0x80U) & 0xFFFFU;
    return ((flipped & 0xFFFF0000U) - 0x00800000U) | low;
#endif
}

BW_INLINE uint32_t bw_signed_odd(uint32_t word)
{
#if BW_DSP
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
#else
    return bw_signed_even(word >> 8);
#endif
}

/* sum + the products of both halves, modulo 2^32 */
BW_INLINE int32_t bw_multiply_pairs(uint32_t a, uint32_t b, int32_t sum)
{
#if BW_DSP
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    int32_t low = (int16_t)(uint16_t)a * (int16_t)(uint16_t)b;
    int32_t high = (int16_t)(uint16_t)(a >> 16) * (int16_t)(uint16_t)(b >> 16);
    return (int32_t)((uint32_t)sum + (uint32_t)low + (uint32_t)high);
#endif
}

/* sum + the four bytes of a word */
BW_INLINE uint32_t bw_add_bytes(uint32_t word, uint32_t sum)
{
#if BW_DSP
    __asm__("usada8 %0, %1, %2, %0" : "+r"(sum) : "r"(word), "r"(0));
    return sum;
#else
    uint32_t pairs = (word & 0x00FF00FFU) + (word >> 8 & 0x00FF00FFU);
    return sum + (pairs & 0xFFFFU) + (pairs >> 16);
#endif
}

/* Two weights times two values of each of four pixels; moves `x` behind these. */
BW_INLINE void bw_accumulate_4(bw_sums *sums, const int16_t **x, uint32_t pair)
{
#if BW_DSP
    /* Not r7: without optimisation it is taken. */
    __asm__("ldmia %[x]!, {r4, r5, r6, r8}\n\t"
            "smlad %[a], r4, %[pair], %[a]\n\t"
            "smlad %[b], r5, %[pair], %[b]\n\t"
            "smlad %[c], r6, %[pair], %[c]\n\t"
            "smlad %[d], r8, %[pair], %[d]"
            : [a] "+r"(sums->a), [b] "+r"(sums->b), [c] "+r"(sums->c), [d] "+r"(sums->d),
              [x] "+r"(*x)
            : [pair] "r"(pair)
            : "r4", "r5", "r6", "r8", "memory");
#else
    sums->a = bw_multiply_pairs(bw_load(*x), pair, sums->a);
    sums->b = bw_multiply_pairs(bw_load(*x + 2), pair, sums->b);
    sums->c = bw_multiply_pairs(bw_load(*x + 4), pair, sums->c);
    sums->d = bw_multiply_pairs(bw_load(*x + 6), pair, sums->d);
    *x += 8;
#endif
}

BW_INLINE int32_t bw_multiply_add(int32_t a, int32_t b, int32_t sum)
{
    return (int32_t)((uint32_t)a * (uint32_t)b + (uint32_t)sum);
}

/* A sum whose shift is below 0, moved to the left. One too large for that saturates either way. */
BW_INLINE int32_t bw_moved_left(int32_t sum, int left)
{
    int32_t most = (int32_t)(0x40000000U >> left);
    sum = sum > most ? most : sum < -most ? -most : sum;
    return (int32_t)((uint32_t)sum << left);
}

/* What codes need of a rescale, apart from their channel's multiplier and shift. */
typedef struct {
    int32_t twice_zero;
    uint32_t high;
    const uint8_t *levels;
} bw_ends;

BW_INLINE bw_ends bw_ends_of(const bw_rescale *to)
{
    bw_ends ends;
    ends.twice_zero = 2 * to->zero_point + 1; /* half a step more: rounded down from there */
    ends.high = to->high;
    ends.levels = to->levels;
    return ends;
}

/* A product on 8 bits, neither cut at the highest code nor on a level yet; `shift` from 0. */
BW_INLINE uint32_t bw_rounded(int64_t product, int shift, int32_t twice_zero)
{
    int32_t high = (int32_t)(product >> 32);
    int32_t halves = high >> shift; /* half steps, rounded down */
    if ((uint32_t)product == 0) {
        if ((halves & 3) == 1 && (int32_t)((uint32_t)halves << shift) == high) {
            halves--; /* a tie, and the code above it is odd */
        }
    }
    halves += twice_zero;
#if BW_DSP
    __asm__("usat %0, #8, %0, asr #1" : "+r"(halves));
    return (uint32_t)halves;
#else
    halves >>= 1;
    return halves < 0 ? 0 : halves > 255 ? 255 : (uint32_t)halves;
#endif
}

BW_INLINE uint32_t bw_smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The code that 8 bits become. */
BW_INLINE uint8_t bw_on_level(uint32_t code, bw_ends ends)
{
    code = bw_smaller(code, ends.high);
    return ends.levels ? ends.levels[code] : (uint8_t)code;
}

/* The code of a sum. */
BW_INLINE uint8_t bw_code(int32_t sum, int32_t multiplier, int shift, bw_ends ends)
{
    if (shift < 0) {
        sum = bw_moved_left(sum, -shift);
        shift = 0;
    }
    return bw_on_level(bw_rounded((int64_t)sum * multiplier, shift, ends.twice_zero), ends);
}

/* The codes of four sums of one channel, not yet on levels, written `apart` from each other. */
BW_INLINE void bw_codes(bw_sums sums, int32_t multiplier, int shift, bw_ends ends, uint8_t *out,
    const uint32_t apart)
{
    uint32_t a, b, c, d;
    if (shift < 0) {
        sums.a = bw_moved_left(sums.a, -shift);
        sums.b = bw_moved_left(sums.b, -shift);
        sums.c = bw_moved_left(sums.c, -shift);
        sums.d = bw_moved_left(sums.d, -shift);
        shift = 0;
    }
    a = bw_rounded((int64_t)sums.a * multiplier, shift, ends.twice_zero);
    b = bw_rounded((int64_t)sums.b * multiplier, shift, ends.twice_zero);
    c = bw_rounded((int64_t)sums.c * multiplier, shift, ends.twice_zero);
    d = bw_rounded((int64_t)sums.d * multiplier, shift, ends.twice_zero);
    if (ends.high < 255) {
        a = bw_smaller(a, ends.high);
        b = bw_smaller(b, ends.high);
        c = bw_smaller(c, ends.high);
        d = bw_smaller(d, ends.high);
    }
    out[0] = (uint8_t)a;
    out[apart] = (uint8_t)b;
    out[2 * apart] = (uint8_t)c;
    out[3 * apart] = (uint8_t)d;
}

#endif
