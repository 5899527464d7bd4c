/* A fully connected layer: the gathered inputs times one row of weights after the other. */
#ifndef BITWRIGHT_LINEAR_H
#define BITWRIGHT_LINEAR_H

#include "rows.h"

BW_INLINE void bw_rows(
    const bw_linear *layer, const uint8_t *in, void *out, void *scratch, const unsigned bits)
{
    const bw_weights *weights = &layer->weights;
    const uint32_t count = layer->inputs, fields = bw_word_fields(bits);
    int16_t *gathered = scratch, *decoded = gathered + (count + fields - 1) / fields * fields;
    bw_gathered values = bw_begin(gathered, count, bits, 1);
    uint32_t row;
    bw_gather(&values, in, count, 1, 1);
    for (row = 0; row < layer->outputs; row++) {
        int32_t offset = bw_offset(weights, row), sum;
        bw_sums sums = {0, 0, 0, 0};
        bw_multiply_row(&sums, weights, row, layer->outputs, count, gathered, decoded, bits, 1);
        sum = bw_multiply_add(offset, (int32_t)values.sum, layer->bias[row]);
        sum = bw_multiply_add(weights->gap, sums.a, sum);
        if (layer->rescale.multiplier) {
            ((uint8_t *)out)[row] = bw_code(sum, row, &layer->rescale);
        } else {
            ((int32_t *)out)[row] = sum;
        }
    }
}

#endif
