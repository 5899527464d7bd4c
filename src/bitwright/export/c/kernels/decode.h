/* Fields of weights. */
#ifndef BITWRIGHT_DECODE_H
#define BITWRIGHT_DECODE_H

#include "arithmetic.h"

/* Where a row's value lies: of each four the first, the third, the second and the fourth. */
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

/* Does it for every pair of fields of a word, unrolled. */
#define BW_FOR_PAIRS(bits, DO)                                                                     \
    do {                                                                                           \
        DO(0), DO(1);                                                                              \
        if ((bits) <= 4) {                                                                         \
            DO(2), DO(3);                                                                          \
        }                                                                                          \
        if ((bits) <= 2) {                                                                         \
            DO(4), DO(5), DO(6), DO(7);                                                            \
        }                                                                                          \
        if ((bits) == 1) {                                                                         \
            DO(8), DO(9), DO(10), DO(11), DO(12), DO(13), DO(14), DO(15);                          \
        }                                                                                          \
    } while (0)

/* Both fields of a pair in a word: its field `at` and the one half a word behind. */
BW_INLINE uint32_t bw_pair(uint32_t word, uint32_t at, uint32_t masks, const uint32_t bits)
{
    return bits == 8 ? (at ? bw_unsigned_odd(word) : bw_unsigned_even(word))
                     : word >> at * bits & masks;
}

/* The mask of both fields, kept in a register: shift and mask are one instruction then. */
BW_INLINE uint32_t bw_masks(const uint32_t bits)
{
    uint32_t masks = ((1U << bits) - 1U) << 16 | ((1U << bits) - 1U);
    BW_HIDE(masks);
    return masks;
}

/* Eight fields that take `bits` bytes: the first four bytes and the last four. */
typedef struct {
    uint32_t first, last;
} bw_eight;

BW_INLINE bw_eight bw_load_eight(const uint8_t *at, const uint32_t bits)
{
    bw_eight eight;
    if (bits < 4) {
        eight.first = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
        eight.last = 0;
    } else {
        eight.first = bw_load(at);
        eight.last = bw_load(at + bits - 4);
    }
    return eight;
}

BW_INLINE uint32_t bw_field_of(bw_eight eight, uint32_t at, const uint32_t bits)
{
    const uint32_t bit = at * bits, mask = (1U << bits) - 1U;
    return (bit + bits <= 32 ? eight.first >> bit : eight.last >> (bit + 32 - 8 * bits)) & mask;
}

/* Fields `at` and the next but one. */
BW_INLINE uint32_t bw_pair_of(bw_eight eight, uint32_t at, const uint32_t bits)
{
    return bw_field_of(eight, at, bits) | bw_field_of(eight, at + 2, bits) << 16;
}

#endif
