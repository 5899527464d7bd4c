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

/* Four weights (two pairs) with four values of one pixel; moves `x` behind them. */
BW_INLINE void bw_accumulate_1(int32_t *sum, const int16_t **x, uint32_t w0, uint32_t w1)
{
    *sum = bw_multiply_pairs(bw_load(*x), w0, *sum);
    *sum = bw_multiply_pairs(bw_load(*x + 2), w1, *sum);
    *x += 4;
}

/* The same of each of four pixels. */
BW_INLINE void bw_accumulate_4(bw_sums *sums, const int16_t **x, uint32_t w0, uint32_t w1)
{
#if BW_DSP
    uint32_t x0, x1;
    __asm__("ldrd %[x0], %[x1], [%[x]], #8\n\t"
            "smlad %[a], %[x0], %[w0], %[a]\n\t"
            "smlad %[a], %[x1], %[w1], %[a]\n\t"
            "ldrd %[x0], %[x1], [%[x]], #8\n\t"
            "smlad %[b], %[x0], %[w0], %[b]\n\t"
            "smlad %[b], %[x1], %[w1], %[b]\n\t"
            "ldrd %[x0], %[x1], [%[x]], #8\n\t"
            "smlad %[c], %[x0], %[w0], %[c]\n\t"
            "smlad %[c], %[x1], %[w1], %[c]\n\t"
            "ldrd %[x0], %[x1], [%[x]], #8\n\t"
            "smlad %[d], %[x0], %[w0], %[d]\n\t"
            "smlad %[d], %[x1], %[w1], %[d]"
            : [a] "+r"(sums->a), [b] "+r"(sums->b), [c] "+r"(sums->c),
              [d] "+r"(sums->d), [x] "+r"(*x), [x0] "=&r"(x0), [x1] "=&r"(x1)
            : [w0] "r"(w0), [w1] "r"(w1)
            : "memory");
#else
    bw_accumulate_1(&sums->a, x, w0, w1);
    bw_accumulate_1(&sums->b, x, w0, w1);
    bw_accumulate_1(&sums->c, x, w0, w1);
    bw_accumulate_1(&sums->d, x, w0, w1);
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

/* The code of a product; `shift` from 0. */
BW_INLINE uint8_t bw_rounded(int64_t product, int shift, const bw_rescale *to)
{
    int32_t high = (int32_t)(product >> 32);
    int32_t halves = high >> shift; /* half steps, rounded down */
    int32_t code;
    if ((uint32_t)product == 0 && (halves & 3) == 1 &&
        (int32_t)((uint32_t)halves << shift) == high) {
        halves--; /* a tie, and the code above it is odd */
    }
    halves += 2 * to->zero_point + 1;
#if BW_DSP
    __asm__("usat %0, #8, %1, asr #1" : "=r"(code) : "r"(halves));
#else
    code = halves >> 1;
    code = code < 0 ? 0 : code > 255 ? 255 : code;
#endif
    return (uint8_t)(code > to->high ? to->high : code);
}

/* The code of a sum. */
BW_INLINE uint8_t bw_code(int32_t sum, uint32_t channel, const bw_rescale *to)
{
    uint32_t at = channel * to->channel_step;
    int shift = to->shift[at];
    uint8_t code;
    if (shift < 0) {
        sum = bw_moved_left(sum, -shift);
        shift = 0;
    }
    code = bw_rounded((int64_t)sum * to->multiplier[at], shift, to);
    return to->levels ? to->levels[code] : code;
}

/* The codes of four sums of one channel, written `apart` from each other. */
BW_INLINE void bw_codes(
    bw_sums sums, uint32_t channel, const bw_rescale *to, uint8_t *out, uint32_t apart)
{
    const uint32_t at = channel * to->channel_step;
    const int32_t multiplier = to->multiplier[at];
    const uint8_t *levels = to->levels;
    int shift = to->shift[at];
    uint8_t a, b, c, d;
    if (shift < 0) {
        sums.a = bw_moved_left(sums.a, -shift);
        sums.b = bw_moved_left(sums.b, -shift);
        sums.c = bw_moved_left(sums.c, -shift);
        sums.d = bw_moved_left(sums.d, -shift);
        shift = 0;
    }
    a = bw_rounded((int64_t)sums.a * multiplier, shift, to);
    b = bw_rounded((int64_t)sums.b * multiplier, shift, to);
    c = bw_rounded((int64_t)sums.c * multiplier, shift, to);
    d = bw_rounded((int64_t)sums.d * multiplier, shift, to);
    out[0] = levels ? levels[a] : a;
    out[apart] = levels ? levels[b] : b;
    out[2 * apart] = levels ? levels[c] : c;
    out[3 * apart] = levels ? levels[d] : d;
}

#endif
