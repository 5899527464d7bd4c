/* Rows of packed weights times gathered inputs: what convolutions and linear layers share.
 *
 * A 32-bit word of weights holds 32 / bits of them; pair q is its fields q and q + 16 / bits. Inputs
 * lie as pairs of 16-bit numbers, of all pixels beside each other, in the order of the weights' pairs:
 * of each four values the first and the third, then the second and the fourth. */
#ifndef BITWRIGHT_ROWS_H
#define BITWRIGHT_ROWS_H

#include "arithmetic.h"

#define BW_DECODED 16 /* bits of a weight that was decoded to a row of 16-bit numbers */

/* Where gathered values go, and what they are made of. */
typedef struct {
    int16_t *x;
    uint32_t at;    /* values gathered so far */
    uint32_t whole; /* values of a row that fill words of weights */
    uint32_t half;  /* pairs in a word of weights */
    uint32_t sum;   /* of the values */
} bw_gathered;

BW_INLINE uint32_t bw_word_fields(unsigned bits)
{
    return bits == BW_DECODED ? 4 : 32 / bits;
}

/* The place of value `at`, in 16-bit numbers, among those of `pixels`. */
BW_INLINE uint32_t bw_place(uint32_t at, uint32_t whole, uint32_t half, uint32_t pixels)
{
    if (at < whole) {
        return (at / 4 * 2 + at % 2) * 2 * pixels + at / 2 % 2;
    }
    return (whole / 2 + (at - whole) % half) * 2 * pixels + (at - whole) / half;
}

/* Gathers `words` words of values, for a place that four values begin at; returns the sum of them
 * and of what was summed before. */
BW_INLINE uint32_t bw_gather_words(int16_t *x, const uint8_t *values, uint32_t words,
    const uint32_t step, uint32_t sum, const uint32_t pixels)
{
#define BW_GATHER(i)                                                                               \
    do {                                                                                           \
        uint32_t word = bw_load(values + 4 * (i) * step);                                          \
        bw_store(x + 4 * (i) * pixels, bw_unsigned_even(word));                                    \
        bw_store(x + (4 * (i) + 2) * pixels, bw_unsigned_odd(word));                               \
        sum = bw_add_bytes(word, sum);                                                             \
    } while (0)
    for (; words >= 4; words -= 4, x += 16 * pixels, values += 16 * step) {
        BW_GATHER(0);
        BW_GATHER(1);
        BW_GATHER(2);
        BW_GATHER(3);
    }
    for (; words; words--, x += 4 * pixels, values += 4 * step) {
        BW_GATHER(0);
    }
#undef BW_GATHER
    return sum;
}

/* Gathers `count` values; `step` 0 repeats the first four, which are then all the same. */
BW_INLINE void bw_gather(bw_gathered *to, const uint8_t *values, uint32_t count,
    const uint32_t step, const uint32_t pixels)
{
    uint32_t at = to->at, sum = to->sum, words;
    const uint32_t end = at + count, whole = end < to->whole ? end : to->whole;
    for (; at < whole && at % 4; at++, values += step) {
        to->x[(at / 4 * 4 + at % 2 * 2) * pixels + at / 2 % 2] = *values;
        sum += *values;
    }
    if (at + 4 <= whole) {
        words = (whole - at) / 4;
        sum = bw_gather_words(to->x + at * pixels, values, words, step, sum, pixels);
        at += 4 * words;
        values += 4 * words * step;
    }
    for (; at < whole; at++, values += step) {
        to->x[(at / 4 * 4 + at % 2 * 2) * pixels + at / 2 % 2] = *values;
        sum += *values;
    }
    for (; at < end; at++, values += step) {
        to->x[bw_place(at, to->whole, to->half, pixels)] = *values;
        sum += *values;
    }
    to->at = at;
    to->sum = sum;
}

/* Begins to gather `count` values for one of `pixels`; behind them, zeros fill the last word. */
BW_INLINE bw_gathered
bw_begin(int16_t *x, uint32_t count, const unsigned bits, const uint32_t pixels)
{
    uint32_t fields = bw_word_fields(bits), at;
    bw_gathered to = {0};
    to.x = x;
    to.half = fields / 2;
    to.whole = count / fields * fields;
    if (to.whole < count) {
        for (at = to.whole; at < to.whole + fields; at += 2) {
            bw_store(x + at * pixels, 0);
        }
    }
    return to;
}

BW_INLINE void bw_accumulate(
    bw_sums *sums, const int16_t **x, uint32_t pair, const uint32_t pixels)
{
    if (pixels == 4) {
        bw_accumulate_4(sums, x, pair);
    } else {
        sums->a = bw_multiply_pairs(bw_load(*x), pair, sums->a);
        *x += 2;
    }
}

/* One word of weights times its inputs. */
BW_INLINE void bw_multiply_word(bw_sums *sums, const int16_t **x, uint32_t word, uint32_t mask,
    const unsigned bits, const uint32_t pixels)
{
    if (bits == 8) {
        bw_accumulate(sums, x, bw_signed_even(word), pixels);
        bw_accumulate(sums, x, bw_signed_odd(word), pixels);
        return;
    }
#define BW_PAIR(q) bw_accumulate(sums, x, word >> ((q) * bits) & mask, pixels)
#define BW_PAIRS(q) BW_PAIR(q), BW_PAIR((q) + 1), BW_PAIR((q) + 2), BW_PAIR((q) + 3)
    BW_PAIRS(0);
    if (bits <= 2) {
        BW_PAIRS(4);
    }
    if (bits == 1) {
        BW_PAIRS(8);
        BW_PAIRS(12);
    }
#undef BW_PAIRS
#undef BW_PAIR
}

/* The up to 31 bits of a stream that begin at a bit; those that follow them may be anything. */
BW_INLINE uint32_t bw_window(const uint8_t *stream, uint32_t bit)
{
    const uint8_t *bytes = stream + bit / 8;
    uint32_t first = bit % 8, word = bw_load(bytes) >> first;
    return first ? word | (uint32_t)bytes[4] << (32 - first) : word;
}

/* A field of up to 8 bits of a stream. */
BW_INLINE uint32_t bw_field(const uint8_t *stream, uint32_t bit, uint32_t bits)
{
    uint32_t first = bit % 8, bytes = stream[bit / 8];
    if (first + bits > 8) {
        bytes |= (uint32_t)stream[bit / 8 + 1] << 8;
    }
    return bytes >> first & ((1U << bits) - 1U);
}

/* What a field stands for, less its row's offset and by the gap. */
BW_INLINE int32_t bw_level(const bw_weights *weights, uint32_t row, uint32_t field)
{
    if (weights->table) {
        return weights->table[row * weights->table_step + field];
    }
    return weights->bits == 8 ? (int8_t)(uint8_t)field : (int32_t)field;
}

BW_INLINE int32_t bw_offset(const bw_weights *weights, uint32_t row)
{
    return weights->offsets ? weights->offsets[row] : weights->offset;
}

/* Row `row` of a stream as 16-bit numbers, in the order of its inputs. */
static inline void bw_decode(const bw_weights *weights, uint32_t row, uint32_t count, int16_t *to)
{
    uint32_t at, bit = row * count * weights->bits;
    for (at = 0; at < count; at++, bit += weights->bits) {
        uint32_t field = bw_field(weights->fields, bit, weights->bits);
        to[bw_place(at, count / 4 * 4, 2, 1)] = (int16_t)bw_level(weights, row, field);
    }
}

/* The mask of a pair of fields. */
BW_INLINE uint32_t bw_pair_mask(const unsigned bits)
{
    uint32_t mask = bits == 4 ? 0x000F000FU : bits == 2 ? 0x00030003U : 0x00010001U;
    BW_HIDE(mask); /* in a register, shift and mask are one instruction */
    return mask;
}

/* Adds to the sums a row of `words` words, from `at`, times the gathered inputs; returns where the
 * next row begins, and moves `x` behind what was used. */
BW_INLINE const uint8_t *bw_multiply_row(bw_sums *sums, const uint8_t *at, uint32_t words,
    const int16_t **x, uint32_t mask, const unsigned bits, const uint32_t pixels)
{
    if (bits >= 4) {
        for (; words >= 4; words -= 4, at += 16) {
            bw_multiply_word(sums, x, bw_load(at), mask, bits, pixels);
            bw_multiply_word(sums, x, bw_load(at + 4), mask, bits, pixels);
            bw_multiply_word(sums, x, bw_load(at + 8), mask, bits, pixels);
            bw_multiply_word(sums, x, bw_load(at + 12), mask, bits, pixels);
        }
    }
    for (; words; words--, at += 4) {
        bw_multiply_word(sums, x, bw_load(at), mask, bits, pixels);
    }
    return at;
}

/* The same for a row that was decoded. */
BW_INLINE void bw_multiply_decoded(
    bw_sums *sums, const int16_t *decoded, uint32_t count, const int16_t *x, const uint32_t pixels)
{
    uint32_t pairs = (count + 3) / 4 * 2;
    for (; pairs; pairs--, decoded += 2) {
        bw_accumulate(sums, &x, bw_load(decoded), pixels);
    }
}

#endif
