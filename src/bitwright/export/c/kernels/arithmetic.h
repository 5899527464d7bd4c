/* Pairs of 16-bit numbers in one register, by the DSP instructions of the processor where it has
 * them (ARMv7E-M, ARMv8-M with DSP), else in plain C. */
#ifndef BITWRIGHT_ARITHMETIC_H
#define BITWRIGHT_ARITHMETIC_H

#include <stdint.h>
#include <string.h>

#include "bitwright.h"

#define BW_INLINE static inline __attribute__((always_inline))
#define BW_APART static __attribute__((noinline)) /* keeps its registers to itself */

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#define BW_DSP 1
#else
#define BW_DSP 0
#endif

/* Hides from the compiler how a number came about: else it keeps all that follows from it, too. */
#if BW_DSP
#define BW_HIDE(number) __asm__("" : "+r"(number))
#else
#define BW_HIDE(number) (void)0
#endif

/* Four sums: of one row of weights with four pixels. */
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

/* The pair of both lower halves; and of both upper ones. */
BW_INLINE uint32_t bw_low_halves(uint32_t low, uint32_t high)
{
#if BW_DSP
    uint32_t pair;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(low), "r"(high));
    return pair;
#else
    return (low & 0xFFFFU) | high << 16;
#endif
}

BW_INLINE uint32_t bw_high_halves(uint32_t low, uint32_t high)
{
#if BW_DSP
    uint32_t pair;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(pair) : "r"(high), "r"(low));
    return pair;
#else
    return low >> 16 | (high & 0xFFFF0000U);
#endif
}

/* Half by half. */
BW_INLINE uint32_t bw_add_pairs(uint32_t a, uint32_t b)
{
#if BW_DSP
    uint32_t pair;
    __asm__("sadd16 %0, %1, %2" : "=r"(pair) : "r"(a), "r"(b));
    return pair;
#else
    return ((a & 0x7FFF7FFFU) + (b & 0x7FFF7FFFU)) ^ ((a ^ b) & 0x80008000U);
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

/* The smaller byte of each two. */
BW_INLINE uint32_t bw_smaller_bytes(uint32_t a, uint32_t b)
{
#if BW_DSP
    uint32_t above; /* how far, else 0 */
    __asm__("uqsub8 %0, %1, %2" : "=r"(above) : "r"(a), "r"(b));
    return a - above;
#else
    uint32_t smaller = 0, shift;
    for (shift = 0; shift < 32; shift += 8) {
        const uint32_t x = a >> shift & 0xFFU, y = b >> shift & 0xFFU;
        smaller |= (x < y ? x : y) << shift;
    }
    return smaller;
#endif
}

BW_INLINE int32_t bw_multiply_add(int32_t a, int32_t b, int32_t sum)
{
    return (int32_t)((uint32_t)a * (uint32_t)b + (uint32_t)sum);
}

#endif
