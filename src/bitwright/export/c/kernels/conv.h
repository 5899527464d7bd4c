/* A convolution, four pixels at a time: their inputs are gathered, then every row of weights is
 * multiplied with all four. `bits` is known when this is compiled, once for each width in use. */
#ifndef BITWRIGHT_CONV_H
#define BITWRIGHT_CONV_H

#include "rows.h"

/* Gathers the inputs of one output pixel and one group; returns their sum. */
static inline int32_t bw_gather_pixel(const bw_conv *layer, const uint8_t *in, uint32_t pixel,
    uint32_t first_channel, bw_gathered to)
{
    const uint32_t channels = layer->channels, each = channels / layer->groups;
    const int32_t kernel = layer->kernel, width = layer->width;
    const int32_t top = (int32_t)(pixel / layer->out_width) * layer->stride - kernel / 2;
    const int32_t left = (int32_t)(pixel % layer->out_width) * layer->stride - kernel / 2;
    const int32_t before = left < 0 ? -left : 0;
    const int32_t beyond = left + kernel > width ? left + kernel - width : 0;
    const uint8_t z = layer->zero_point, padding[4] = {z, z, z, z};
    int32_t y, x;
    for (y = top; y < top + kernel; y++) {
        const uint8_t *row = in + (uint32_t)(y * width + left + before) * channels + first_channel;
        if (y < 0 || y >= layer->height || before + beyond >= kernel) {
            bw_gather(&to, padding, (uint32_t)kernel * each, 0, 4);
            continue;
        }
        bw_gather(&to, padding, (uint32_t)before * each, 0, 4);
        if (each == channels) {
            bw_gather(&to, row, (uint32_t)(kernel - before - beyond) * each, 1, 4);
        } else {
            for (x = before; x < kernel - beyond; x++, row += channels) {
                bw_gather(&to, row, each, 1, 4);
            }
        }
        bw_gather(&to, padding, (uint32_t)beyond * each, 0, 4);
    }
    return (int32_t)to.sum;
}

/* Gathers four pixels, `apart` from each other; returns the sums of their inputs. */
static inline bw_sums bw_gather_pixels(const bw_conv *layer, const uint8_t *in, uint32_t pixel,
    uint32_t apart, uint32_t first_channel, int16_t *x, const unsigned bits)
{
    const uint32_t inputs = (uint32_t)(layer->channels / layer->groups);
    const uint32_t count = (uint32_t)layer->kernel * layer->kernel * inputs;
    bw_sums found;
    bw_gathered values = bw_begin(x, count, bits, 4);
    found.a = bw_gather_pixel(layer, in, pixel, first_channel, values);
    values = bw_begin(x + 4, count, bits, 4);
    found.b = bw_gather_pixel(layer, in, pixel + apart, first_channel, values);
    values = bw_begin(x + 8, count, bits, 4);
    found.c = bw_gather_pixel(layer, in, pixel + 2 * apart, first_channel, values);
    values = bw_begin(x + 12, count, bits, 4);
    found.d = bw_gather_pixel(layer, in, pixel + 3 * apart, first_channel, values);
    return found;
}

BW_INLINE bw_sums bw_multiply_add_4(bw_sums values, int32_t factor, int32_t more)
{
    bw_sums found;
    found.a = bw_multiply_add(values.a, factor, more);
    found.b = bw_multiply_add(values.b, factor, more);
    found.c = bw_multiply_add(values.c, factor, more);
    found.d = bw_multiply_add(values.d, factor, more);
    return found;
}

BW_INLINE void bw_convolve(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch,
    const unsigned bits)
{
    const uint32_t pixels = (uint32_t)layer->out_height * layer->out_width;
    const uint32_t rows = layer->out_channels, each = rows / layer->groups;
    const uint32_t inputs = (uint32_t)(layer->channels / layer->groups);
    const uint32_t count = (uint32_t)layer->kernel * layer->kernel * inputs;
    const uint32_t fields = bw_word_fields(bits), padded = (count + fields - 1) / fields * fields;
    const uint32_t apart = pixels < 4 ? 0 : 1; /* fewer than four: each one four times */
    int16_t *gathered = scratch, *decoded = gathered + 4 * padded;
    uint32_t group, pixel, row;
    for (group = 0; group < layer->groups; group++) {
        for (pixel = 0; pixel < pixels; pixel += apart ? 4 : 1) {
            const uint32_t first = apart && pixel > pixels - 4 ? pixels - 4 : pixel;
            uint8_t *to = out + first * rows + group * each;
            const bw_sums inputs_sum =
                bw_gather_pixels(layer, in, first, apart, group * inputs, gathered, bits);
            for (row = group * each; row < group * each + each; row++, to++) {
                const bw_weights *weights = &layer->weights;
                const int32_t offset = bw_offset(weights, row), bias = layer->bias[row];
                bw_sums sums = {0, 0, 0, 0};
                if (weights->gap == 1) {
                    sums = bw_multiply_add_4(inputs_sum, offset, bias);
                }
                bw_multiply_row(&sums, weights, row, rows, count, gathered, decoded, bits, 4);
                if (weights->gap != 1) {
                    bw_sums rest = bw_multiply_add_4(inputs_sum, offset, bias);
                    sums.a = bw_multiply_add(weights->gap, sums.a, rest.a);
                    sums.b = bw_multiply_add(weights->gap, sums.b, rest.b);
                    sums.c = bw_multiply_add(weights->gap, sums.c, rest.c);
                    sums.d = bw_multiply_add(weights->gap, sums.d, rest.d);
                }
                bw_codes(sums, row, &layer->rescale, to, apart * rows);
            }
        }
    }
}

#endif
