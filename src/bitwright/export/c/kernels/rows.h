/* Rows of packed weights times gathered inputs: what convolutions and linear layers share.
 *
 * Inputs lie in groups of four values, as 16-bit numbers in the order 0, 2, 1, 3, the groups of all
 * pixels beside each other: that is how two multiplications at a time find their pairs. A 32-bit
 * word of weights holds 32 / bits of them; pair q of it is its fields q and q + 16 / bits. */
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
    uint32_t pair, second;
    if (at < whole) {
        pair = at / 4 * 2 + at % 2;
        second = at / 2 % 2;
    } else {
        pair = whole / 2 + (at - whole) % half;
        second = (at - whole) / half;
    }
    return pair / 2 * 4 * pixels + pair % 2 * 2 + second;
}

/* Gathers `count` values; `step` 0 repeats the first four, which are then all the same. */
static inline void bw_gather(
    bw_gathered *to, const uint8_t *values, uint32_t count, uint32_t step, uint32_t pixels)
{
    uint32_t at = to->at, end = at + count, sum = to->sum;
    for (; at < end && at < to->whole && at % 4; at++, values += step) {
        to->x[bw_place(at, to->whole, to->half, pixels)] = *values;
        sum += *values;
    }
    for (; at + 4 <= end && at + 4 <= to->whole; at += 4, values += 4 * step) {
        uint32_t word = bw_load(values);
        bw_store(to->x + at * pixels, bw_unsigned_even(word));
        bw_store(to->x + at * pixels + 2, bw_unsigned_odd(word));
        sum = bw_add_bytes(word, sum);
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
    uint32_t fields = bw_word_fields(bits), group;
    bw_gathered to = {0};
    to.x = x;
    to.half = fields / 2;
    to.whole = count / fields * fields;
    if (to.whole < count) {
        for (group = to.whole; group < to.whole + fields; group += 4) {
            bw_store(x + group * pixels, 0);
            bw_store(x + group * pixels + 2, 0);
        }
    }
    return to;
}

BW_INLINE void bw_accumulate(
    bw_sums *sums, const int16_t **x, uint32_t w0, uint32_t w1, const uint32_t pixels)
{
    if (pixels == 4) {
        bw_accumulate_4(sums, x, w0, w1);
    } else {
        bw_accumulate_1(&sums->a, x, w0, w1);
    }
}

/* One word of weights times its inputs. */
BW_INLINE void bw_multiply_word(bw_sums *sums, const int16_t **x, uint32_t word, uint32_t mask,
    const unsigned bits, const uint32_t pixels)
{
    if (bits == 8) {
        bw_accumulate(sums, x, bw_signed_even(word), bw_signed_odd(word), pixels);
        return;
    }
#define BW_PAIRS(q)                                                                                \
    bw_accumulate(sums, x, word >> ((q) * bits) & mask, word >> (((q) + 1) * bits) & mask, pixels)
    BW_PAIRS(0);
    BW_PAIRS(2);
    if (bits <= 2) {
        BW_PAIRS(4);
        BW_PAIRS(6);
    }
    if (bits == 1) {
        BW_PAIRS(8);
        BW_PAIRS(10);
        BW_PAIRS(12);
        BW_PAIRS(14);
    }
#undef BW_PAIRS
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

/* Adds to the sums row `row` of `count` weights times the gathered inputs. `decoded` has room for a
 * row of 16-bit numbers where `bits` is BW_DECODED. */
BW_INLINE void bw_multiply_row(bw_sums *sums, const bw_weights *weights, uint32_t row,
    uint32_t rows, uint32_t count, const int16_t *x, int16_t *decoded, const unsigned bits,
    const uint32_t pixels)
{
    if (bits == BW_DECODED) {
        uint32_t groups = (count + 3) / 4;
        bw_decode(weights, row, count, decoded);
        for (; groups; groups--, decoded += 4) {
            bw_accumulate(sums, &x, bw_load(decoded), bw_load(decoded + 2), pixels);
        }
    } else {
        const uint32_t fields = 32 / bits;
        uint32_t words = count / fields, rest = count % fields * bits;
        const uint8_t *at = weights->fields + 4 * words * row;
        uint32_t mask = bits == 4 ? 0x000F000FU : bits == 2 ? 0x00030003U : 0x00010001U;
#if BW_DSP
        __asm__("" : "+r"(mask)); /* kept in a register: shift and mask are one instruction then */
#endif
        if (bits == 8) {
            for (; words >= 4; words -= 4, at += 16) {
                bw_multiply_word(sums, &x, bw_load(at), mask, bits, pixels);
                bw_multiply_word(sums, &x, bw_load(at + 4), mask, bits, pixels);
                bw_multiply_word(sums, &x, bw_load(at + 8), mask, bits, pixels);
                bw_multiply_word(sums, &x, bw_load(at + 12), mask, bits, pixels);
            }
        }
        for (; words; words--, at += 4) {
            bw_multiply_word(sums, &x, bw_load(at), mask, bits, pixels);
        }
        if (rest) {
            const uint8_t *stream = weights->fields + 4 * (count / fields) * rows;
            bw_multiply_word(sums, &x, bw_window(stream, row * rest), mask, bits, pixels);
        }
    }
}

#endif
