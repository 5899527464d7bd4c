/* Rows of weights as 16-bit numbers, from every form that they are stored in. */
#include "decode.h"

/* The number that the field at a bit stands for, moved left by `lift`. */
static int16_t weight_at(const bw_weights *weights, uint32_t row, uint32_t bit, uint32_t lift)
{
    int32_t level = (int32_t)bw_field(weights->fields, bit, weights->bits);
    if (weights->table) {
        level = weights->table[row * weights->table_step + (uint32_t)level];
    }
    return (int16_t)((level * weights->gap + bw_offset(weights, row)) * (1 << lift));
}

/* What makes numbers of a row's fields: each times `gap` and plus one half of `offsets`. */
typedef struct {
    uint32_t gap, offsets;
} scale_of;

BW_INLINE scale_of scale(const bw_weights *weights, uint32_t row, uint32_t lift)
{
    const uint32_t offset = (uint32_t)bw_offset(weights, row) << lift;
    scale_of found;
    found.gap = (uint32_t)weights->gap << lift;
    found.offsets = bw_low_halves(offset, offset);
    return found;
}

BW_INLINE uint32_t numbers(uint32_t pair, scale_of by)
{
    return bw_add_pairs(pair * by.gap, by.offsets);
}

/* The fields behind a row's whole groups, then zeros. */
static void decode_rest(const bw_weights *weights, uint32_t row, uint32_t whole, uint32_t count,
    uint32_t lift, int16_t *to)
{
    const uint32_t bits = weights->bits;
    uint32_t bit = 8 * weights->rest + row * (count - whole) * bits, at;
    for (at = whole; at < count; at++, bit += bits) {
        to[bw_place(at)] = weight_at(weights, row, bit, lift);
    }
    for (; at % 4; at++) {
        to[bw_place(at)] = 0;
    }
}

/* Words of fields; their pairs are those of two multiplications at a time. */
BW_INLINE void decode_words(const bw_weights *weights, uint32_t row, uint32_t count, uint32_t lift,
    int16_t *to, const uint32_t bits)
{
    const uint32_t each = 32 / bits, groups = count / each, masks = bw_masks(bits);
    const scale_of by = scale(weights, row, lift);
    const uint8_t *at = weights->fields + 4 * groups * row, *const end = at + 4 * groups;
    for (; at < end; at += 4, to += each) {
        const uint32_t word = bw_load(at);
#define STORE(q) bw_store(to + 2 * (q), numbers(bw_pair(word, q, masks, bits), by))
        BW_FOR_PAIRS(bits, STORE);
#undef STORE
    }
    decode_rest(weights, row, groups * each, count, lift, to - groups * each);
}

/* Groups of eight fields, for widths that fill no word. */
BW_INLINE void decode_eights(const bw_weights *weights, uint32_t row, uint32_t count, uint32_t lift,
    int16_t *to, const uint32_t bits)
{
    const uint32_t groups = count / 8;
    const scale_of by = scale(weights, row, lift);
    const uint8_t *at = weights->fields + bits * groups * row, *const end = at + bits * groups;
    for (; at < end; at += bits, to += 8) {
        const bw_eight eight = bw_load_eight(at, bits);
        bw_store(to, numbers(bw_pair_of(eight, 0, bits), by));
        bw_store(to + 2, numbers(bw_pair_of(eight, 1, bits), by));
        bw_store(to + 4, numbers(bw_pair_of(eight, 4, bits), by));
        bw_store(to + 6, numbers(bw_pair_of(eight, 5, bits), by));
    }
    decode_rest(weights, row, 8 * groups, count, lift, to - 8 * groups);
}

#define DECODER(bits, form)                                                                        \
    void bw_decode_w##bits(const bw_weights *weights, uint32_t row, uint32_t count, uint32_t lift, \
        int16_t *to)                                                                               \
    {                                                                                              \
        decode_##form(weights, row, count, lift, to, bits);                                        \
    }

DECODER(1, words)
DECODER(2, words)
DECODER(3, eights)
DECODER(4, words)
DECODER(5, eights)
DECODER(6, eights)
DECODER(7, eights)
DECODER(8, words)

/* Levels by a table; no field belongs to a group. */
void bw_decode_table(
    const bw_weights *weights, uint32_t row, uint32_t count, uint32_t lift, int16_t *to)
{
    decode_rest(weights, row, 0, count, lift, to);
}
