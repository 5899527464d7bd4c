/* Single weights. */
#ifndef BITWRIGHT_DECODE_H
#define BITWRIGHT_DECODE_H

#include "arithmetic.h"

/* Where a row's value lies: of each four the first and the third, then the second and the fourth. */
BW_INLINE uint32_t bw_place(uint32_t at)
{
    return at / 4 * 4 + at % 2 * 2 + at / 2 % 2;
}

/* The field of up to 8 bits that begins at a bit. */
BW_INLINE uint32_t bw_field(const uint8_t *fields, uint32_t bit, uint32_t bits)
{
    uint32_t first = bit % 8, bytes = fields[bit / 8];
    if (first + bits > 8) {
        bytes |= (uint32_t)fields[bit / 8 + 1] << 8;
    }
    return bytes >> first & ((1U << bits) - 1U);
}

BW_INLINE int32_t bw_offset(const bw_weights *weights, uint32_t row)
{
    return weights->offsets ? weights->offsets[row] : weights->offset;
}

#endif
