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

/* One word of weights times its inputs; moves behind these. */
BW_INLINE int32_t multiply_word(int32_t sum, const int16_t **x, uint32_t word, const uint32_t bits)
{
    const uint32_t mask = (1U << bits) - 1U, masks = mask << 16 | mask;
    uint32_t pair;
    for (pair = 0; pair < 16 / bits; pair++) {
        sum = bw_multiply_pairs(bw_load(*x + 2 * pair), word >> pair * bits & masks, sum);
    }
    *x += 32 / bits;
    return sum;
}

/* The sum of fields times inputs, in whole words and behind them. */
BW_INLINE int32_t multiply_row(
    const bw_linear *layer, uint32_t row, const int16_t *x, const uint32_t bits)
{
    const uint32_t count = layer->inputs, each = 32 / bits, words = count / each;
    const uint8_t *at = layer->weights.fields + 4 * words * row, *const end = at + 4 * words;
    const int16_t *const inputs = x;
    const uint32_t left = count - words * each;
    uint32_t bit = 8 * layer->weights.rest + row * left * bits, i;
    int32_t sum = 0;
    for (; at < end; at += 4) {
        sum = multiply_word(sum, &x, bw_load(at), bits);
    }
    for (i = words * each; i < count; i++, bit += bits) {
        const uint32_t field = bw_field(layer->weights.fields, bit, bits);
        sum = bw_multiply_add((int32_t)field, inputs[bw_place(i)], sum);
    }
    return sum;
}

/* A sum and decoded weights times inputs. */
static int32_t multiply_decoded(
    const int16_t *weights, const int16_t *x, uint32_t words, int32_t sum)
{
    for (; words; words--, weights += 4, x += 4) {
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
    const uint32_t words = (layer->inputs + 3) / 4;
    int16_t *const x = scratch;
    uint32_t row, at, total = 0;
    gather(x, in, words);
    for (at = 0; at < layer->inputs; at++) {
        total += in[at];
    }
    for (row = 0; row < layer->outputs; row++) {
        int32_t sum = bw_multiply_add(
            bw_offset(&layer->weights, row), (int32_t)total, layer->bias[row]);
        sum = bw_multiply_add(multiply_row(layer, row, x, bits), layer->weights.gap, sum);
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
LINEAR(4)
LINEAR(8)

void bw_linear_decoded(const bw_linear *layer, const uint8_t *in, void *out, void *scratch)
{
    const uint32_t words = (layer->inputs + 3) / 4;
    int16_t *const x = scratch, *const weights = x + 4 * words;
    uint32_t row;
    gather(x, in, words);
    for (row = 0; row < layer->outputs; row++) {
        layer->decode(&layer->weights, row, layer->inputs, 0, weights);
        put(layer, row, multiply_decoded(weights, x, words, layer->bias[row]), out);
    }
}
