/* A fully connected layer: the gathered inputs times one row of weights after the other. */
#ifndef BITWRIGHT_LINEAR_H
#define BITWRIGHT_LINEAR_H

#include "rows.h"

BW_INLINE void bw_connect(
    const bw_linear *layer, const uint8_t *in, void *out, void *scratch, const unsigned bits)
{
    const bw_weights weights = layer->weights;
    const bw_rescale rescale = layer->rescale;
    const bw_ends ends = bw_ends_of(&rescale);
    const uint32_t count = layer->inputs, fields = bw_word_fields(bits);
    const uint32_t words = count / fields, rest_bits = count % fields * bits;
    const uint32_t mask = bits == BW_DECODED ? 0 : bw_pair_mask(bits);
    const uint8_t *at = weights.fields, *stream = at + 4 * words * layer->outputs;
    int16_t *const gathered = scratch;
    int16_t *const decoded = gathered + (count + fields - 1) / fields * fields;
    bw_gathered values = bw_begin(gathered, count, bits, 1);
    uint32_t row;
    bw_gather(&values, in, count, 1, 1);
    for (row = 0; row < layer->outputs; row++) {
        const uint32_t channel = row * rescale.channel_step;
        const int16_t *x = gathered;
        bw_sums sums = {0, 0, 0, 0};
        int32_t sum = bw_multiply_add(
            bw_offset(&weights, row), (int32_t)values.sum, layer->bias[row]);
        if (bits == BW_DECODED) {
            bw_decode(&weights, row, count, decoded);
            bw_multiply_decoded(&sums, decoded, count, gathered, 1);
        } else {
            at = bw_multiply_row(&sums, at, words, &x, mask, bits, 1);
            if (rest_bits) {
                bw_multiply_word(
                    &sums, &x, bw_window(stream, row * rest_bits), mask, bits, 1);
            }
        }
        sum = bw_multiply_add(weights.gap, sums.a, sum);
        if (rescale.multiplier) {
            ((uint8_t *)out)[row] = bw_code(sum, rescale.multiplier[channel], rescale.shift[channel], ends);
        } else {
            ((int32_t *)out)[row] = sum;
        }
    }
}

#endif
