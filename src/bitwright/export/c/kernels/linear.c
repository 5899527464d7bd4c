/* A fully connected layer: the gathered inputs times one row of weights after the other. */
#include "codes.h"
#include "decode.h"

/* Bytes as 16-bit numbers: of each four the first and the third, then the second and the fourth. */
static void gather(int16_t *x, const uint8_t *bytes, uint32_t words)
{
    for (; words; words--, bytes += 4, x += 4) {
        const uint32_t word = bw_load(bytes);
        bw_store(x, bw_unsigned_even(word));
        bw_store(x + 2, bw_unsigned_odd(word));
    }
}

/* One word of weights times its inputs; or eight weights, of widths that fill no word. */
BW_INLINE int32_t multiply_group(
    int32_t sum, const int16_t *x, const uint8_t *at, uint32_t masks, const uint32_t bits)
{
    if (32 % bits == 0) {
        const uint32_t word = bw_load(at);
#define MULTIPLY(q)                                                                                \
    sum = bw_multiply_pairs(bw_load(x + 2 * (q)), bw_pair(word, q, masks, bits), sum)
        BW_FOR_PAIRS(bits, MULTIPLY);
#undef MULTIPLY
    } else {
        const bw_eight eight = bw_load_eight(at, bits);
        sum = bw_multiply_pairs(bw_load(x), bw_pair_of(eight, 0, bits), sum);
        sum = bw_multiply_pairs(bw_load(x + 2), bw_pair_of(eight, 1, bits), sum);
        sum = bw_multiply_pairs(bw_load(x + 4), bw_pair_of(eight, 4, bits), sum);
        sum = bw_multiply_pairs(bw_load(x + 6), bw_pair_of(eight, 5, bits), sum);
    }
    return sum;
}

/* The sum of fields times inputs, in whole groups and behind them. */
BW_INLINE int32_t multiply_row(
    const bw_linear *layer, uint32_t row, const int16_t *x, const uint32_t bits)
{
    const uint32_t each = 32 % bits ? 8 : 32 / bits, bytes = each * bits / 8;
    const uint32_t count = layer->inputs, whole = count / each * each, masks = bw_masks(bits);
    const uint32_t twos = bits == 8 ? whole / 8 * 8 : 0; /* values in two words at a time */
    const int16_t *const inputs = x, *const end = x + whole, *const before = x + twos;
    const uint8_t *at = layer->weights.fields + row * (whole * bits / 8);
    uint32_t bit = 8 * layer->weights.rest + row * (count - whole) * bits, i;
    int32_t sum = 0;
    for (; x < before; x += 8, at += 8) {
        sum = multiply_group(sum, x, at, masks, bits);
        sum = multiply_group(sum, x + 4, at + 4, masks, bits);
    }
    for (; x < end; x += each, at += bytes) {
        sum = multiply_group(sum, x, at, masks, bits);
    }
    for (i = whole; i < count; i++, bit += bits) {
        const uint32_t field = bw_field(layer->weights.fields, bit, bits);
        sum = bw_multiply_add((int32_t)field, inputs[bw_place(i)], sum);
    }
    return sum;
}

/* A sum and decoded weights times inputs. */
static int32_t multiply_decoded(
    const int16_t *weights, const int16_t *x, uint32_t words, int32_t sum)
{
    const int16_t *const end = x + 4 * words;
    for (; x < end; weights += 4, x += 4) {
        sum = bw_multiply_pairs(bw_load(x), bw_load(weights), sum);
        sum = bw_multiply_pairs(bw_load(x + 2), bw_load(weights + 2), sum);
    }
    return sum;
}

static void put(const bw_linear *layer, uint32_t row, int32_t sum, void *out)
{
    const bw_rescale *to = &layer->rescale;
    if (to->multiplier) {
        const uint32_t at = row * to->channel_step;
        uint8_t *code = (uint8_t *)out + row;
        *code = (uint8_t)bw_careful_code(sum, to->multiplier[at], to->shift[at], to->zero_point);
        bw_finish(to, code, 1);
    } else {
        ((int32_t *)out)[row] = sum;
    }
}

BW_INLINE void connect(
    const bw_linear *layer, const uint8_t *in, void *out, void *scratch, const uint32_t bits)
{
    const bw_linear with = *layer;
    const uint32_t words = (with.inputs + 3) / 4;
    int16_t *const x = scratch;
    uint32_t row, at, total = 0;
    gather(x, in, words);
    for (at = 0; at < with.inputs; at++) {
        total += in[at];
    }
    for (row = 0; row < with.outputs; row++) {
        const int32_t offset = bw_offset(&with.weights, row);
        int32_t sum = bw_multiply_add(offset, (int32_t)total, with.bias[row]);
        sum = bw_multiply_add(multiply_row(&with, row, x, bits), with.weights.gap, sum);
        put(layer, row, sum, out);
    }
}

#define LINEAR(bits)                                                                               \
    void bw_linear_w##bits(const bw_linear *layer, const uint8_t *in, void *out, void *scratch)    \
    {                                                                                              \
        connect(layer, in, out, scratch, bits);                                                    \
    }

LINEAR(1)
LINEAR(2)
LINEAR(3)
LINEAR(4)
LINEAR(5)
LINEAR(6)
LINEAR(7)
LINEAR(8)

void bw_linear_table(const bw_linear *layer, const uint8_t *in, void *out, void *scratch)
{
    const uint32_t words = (layer->inputs + 3) / 4;
    int16_t *const x = scratch, *const weights = x + 4 * words;
    uint32_t row;
    gather(x, in, words);
    for (row = 0; row < layer->outputs; row++) {
        bw_decode_table(&layer->weights, row, layer->inputs, 0, weights);
        put(layer, row, multiply_decoded(weights, x, words, layer->bias[row]), out);
    }
}
