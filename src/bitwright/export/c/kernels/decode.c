/* Rows of weights as 16-bit numbers, from every form that they are stored in. */
#include "decode.h"

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

/* Fields of any width, one after the other. */
typedef struct {
    const uint8_t *bytes;
    uint32_t buffer, have; /* bits that are read already */
} stream_of;

BW_INLINE stream_of stream(const bw_weights *weights, uint32_t bit)
{
    stream_of from;
    from.bytes = weights->fields + bit / 8;
    from.buffer = (uint32_t)*from.bytes++ >> bit % 8;
    from.have = 8 - bit % 8;
    return from;
}

BW_INLINE uint32_t next_field(stream_of *from, uint32_t bits)
{
    uint32_t field;
    if (from->have < bits) {
        from->buffer |= (uint32_t)*from->bytes++ << from->have;
        from->have += 8;
    }
    field = from->buffer & ((1U << bits) - 1U);
    from->buffer >>= bits;
    from->have -= bits;
    return field;
}

/* The fields behind a row's whole groups, then zeros. */
BW_APART void decode_rest(const bw_weights *weights, uint32_t row, uint32_t whole, uint32_t count,
    uint32_t lift, int16_t *to)
{
    const int32_t offset = bw_offset(weights, row);
    uint32_t at = whole;
    if (whole < count) {
        const uint32_t bits = weights->bits, left = count - whole;
        stream_of from = stream(weights, 8 * weights->rest + row * left * bits);
        for (; at < count; at++) {
            const int32_t level = (int32_t)next_field(&from, bits) * weights->gap;
            to[bw_place(at)] = (int16_t)((level + offset) * (1 << lift));
        }
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

/* Levels by a table, four at a time; no field belongs to a group. */
void bw_decode_table(
    const bw_weights *weights, uint32_t row, uint32_t count, uint32_t lift, int16_t *to)
{
    const uint32_t bits = weights->bits;
    const int8_t *const table = weights->table + row * weights->table_step;
    const int32_t offset = bw_offset(weights, row), factor = 1 << lift;
    stream_of from = stream(weights, row * count * bits);
    uint32_t at;
#define NEXT() (int16_t)((table[next_field(&from, bits)] + offset) * factor)
    for (; count >= 4; count -= 4, to += 4) {
        to[0] = NEXT();
        to[2] = NEXT();
        to[1] = NEXT();
        to[3] = NEXT();
    }
    if (count) {
        for (at = 0; at < 4; at++) {
            to[bw_place(at)] = 0;
        }
    }
    for (at = 0; at < count; at++) {
        to[bw_place(at)] = NEXT();
    }
#undef NEXT
}
