/* Sums to codes. */
#ifndef BITWRIGHT_CODES_H
#define BITWRIGHT_CODES_H

#include "arithmetic.h"

/* The code of a sum on 8 bits, as are those below: neither cut at the highest code nor on a level
 * yet. For any shift, ties to even. */
uint32_t bw_careful_code(int32_t sum, int32_t multiplier, int32_t shift, int32_t zero_point);

/* What is still to do to `count` codes on 8 bits: at most the highest, and on levels. */
void bw_finish(const bw_rescale *to, uint8_t *codes, uint32_t count);

/* What a channel's weights and bias are moved left by, so that all sums are shifted by BW_LIFTED at
 * the end. Where codes need care the multiplier is below 0, and its negative is meant. */
#define BW_LIFTED 12

typedef struct {
    int32_t multiplier, shift;
    uint32_t by;
} bw_lift;

BW_INLINE bw_lift bw_lift_of(const bw_rescale *to, uint32_t channel)
{
    const uint32_t at = channel * to->channel_step;
    bw_lift lift;
    lift.multiplier = to->multiplier[at];
    lift.shift = to->shift[at];
    lift.by = (uint32_t)(BW_LIFTED - 1 - lift.shift);
    if (lift.shift >= BW_CARE / 2) {
        lift.multiplier = -lift.multiplier;
        lift.shift -= BW_CARE;
        lift.by = 0;
    }
    return lift;
}

/* Zero point and half a step, as the upper half of a product with a lifted sum takes them. */
BW_INLINE int32_t bw_lifted_addend(const bw_rescale *to)
{
    return (2 * to->zero_point + 1) << (BW_LIFTED - 1);
}

BW_INLINE int32_t bw_upper_half(int32_t sum, int32_t multiplier, int32_t addend)
{
#if BW_DSP
    int32_t upper;
    __asm__("smmla %0, %1, %2, %3" : "=r"(upper) : "r"(sum), "r"(multiplier), "r"(addend));
    return upper;
#else
    return (int32_t)((int64_t)sum * multiplier >> 32) + addend;
#endif
}

/* The code of a lifted sum, which needs no care. */
BW_INLINE uint32_t bw_lifted_code(int32_t sum, int32_t multiplier, int32_t addend)
{
    int32_t code = bw_upper_half(sum, multiplier, addend);
#if BW_DSP
    __asm__("usat %0, #8, %0, asr %1" : "+r"(code) : "i"(BW_LIFTED));
    return (uint32_t)code;
#else
    code >>= BW_LIFTED;
    return code < 0 ? 0 : code > 255 ? 255 : (uint32_t)code;
#endif
}

/* round(product / 2^(shift + 33)) + zero_point, ties to even; `shift` from 0. */
BW_INLINE uint32_t bw_rounded(int64_t product, int32_t shift, int32_t zero_point)
{
    int32_t high = (int32_t)(product >> 32);
    int32_t halves = high >> shift; /* half steps, rounded down */
    if ((uint32_t)product == 0) {
        if ((halves & 3) == 1 && (int32_t)((uint32_t)halves << shift) == high) {
            halves--; /* a tie, and the code above it is odd */
        }
    }
    halves += 2 * zero_point + 1;
#if BW_DSP
    __asm__("usat %0, #8, %0, asr #1" : "+r"(halves));
    return (uint32_t)halves;
#else
    halves >>= 1;
    return halves < 0 ? 0 : halves > 255 ? 255 : (uint32_t)halves;
#endif
}

#endif
