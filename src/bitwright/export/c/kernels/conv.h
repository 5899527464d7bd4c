/* A convolution, four pixels at a time: their inputs are gathered, then every row of weights is
 * multiplied with all four. `bits` is known when this is compiled, once for each width in use. */
#ifndef BITWRIGHT_CONV_H
#define BITWRIGHT_CONV_H

#include "rows.h"

static void bw_gather_values(bw_gathered *to, const uint8_t *values, uint32_t count)
{
    bw_gather(to, values, count, 1, 4);
}

static void bw_gather_padding(bw_gathered *to, const uint8_t *padding, uint32_t count)
{
    bw_gather(to, padding, count, 0, 4);
}

/* Gathers the inputs of one output pixel and one group; returns their sum. */
static int32_t bw_gather_pixel(const bw_conv *layer, const uint8_t *in, uint32_t pixel,
    uint32_t first_channel, bw_gathered to)
{
    const uint32_t channels = layer->channels, each = channels / layer->groups;
    const int32_t kernel = layer->kernel, width = layer->width;
    const int32_t top = (int32_t)(pixel / layer->out_width) * layer->stride - kernel / 2;
    const int32_t left = (int32_t)(pixel % layer->out_width) * layer->stride - kernel / 2;
    const int32_t before = left < 0 ? -left : 0;
    const int32_t beyond = left + kernel > width ? left + kernel - width : 0;
    const int32_t inside = kernel - before - beyond; /* columns */
    const int32_t row_bytes = width * (int32_t)channels;
    const uint32_t run = (uint32_t)inside * each;
    const uint8_t z = layer->zero_point, padding[4] = {z, z, z, z};
    int32_t at = (top * width + left + before) * (int32_t)channels + (int32_t)first_channel;
    int32_t y, x; /* `at` may lie before the map: no pointer may */
    if (inside == kernel && top >= 0 && top + kernel <= layer->height && each == channels &&
        run % 4 == 0 && (uint32_t)kernel * run == to.whole) {
        for (y = 0; y < kernel; y++, at += row_bytes, to.x += 4 * run) {
            to.sum = bw_gather_words(to.x, in + at, run / 4, 1, to.sum, 4);
        }
        return (int32_t)to.sum;
    }
    for (y = top; y < top + kernel; y++, at += row_bytes) {
        if (y < 0 || y >= layer->height || inside <= 0) {
            bw_gather_padding(&to, padding, (uint32_t)kernel * each);
            continue;
        }
        if (before) {
            bw_gather_padding(&to, padding, (uint32_t)before * each);
        }
        if (each == channels) {
            bw_gather_values(&to, in + at, run);
        } else {
            for (x = 0; x < inside; x++) {
                bw_gather_values(&to, in + at + x * (int32_t)channels, each);
            }
        }
        if (beyond) {
            bw_gather_padding(&to, padding, (uint32_t)beyond * each);
        }
    }
    return (int32_t)to.sum;
}

/* Gathers four pixels, `apart` from each other; returns the sums of their inputs. */
static bw_sums bw_gather_pixels(const bw_conv *layer, const uint8_t *in, uint32_t pixel,
    uint32_t apart, uint32_t first_channel, int16_t *x, const unsigned bits)
{
    const uint32_t inputs = (uint32_t)(layer->channels / layer->groups);
    const uint32_t count = (uint32_t)layer->kernel * layer->kernel * inputs;
    bw_sums found;
    bw_gathered values = bw_begin(x, count, bits, 4);
    found.a = bw_gather_pixel(layer, in, pixel, first_channel, values);
    values = bw_begin(x + 2, count, bits, 4);
    found.b = bw_gather_pixel(layer, in, pixel + apart, first_channel, values);
    values = bw_begin(x + 4, count, bits, 4);
    found.c = bw_gather_pixel(layer, in, pixel + 2 * apart, first_channel, values);
    values = bw_begin(x + 6, count, bits, 4);
    found.d = bw_gather_pixel(layer, in, pixel + 3 * apart, first_channel, values);
    return found;
}

/* What all rows need for four pixels. */
typedef struct {
    bw_weights weights;
    bw_ends ends;
    bw_sums inputs; /* the sums of the pixels' inputs */
    const int32_t *bias, *multiplier;
    const int8_t *shift;
    const uint8_t *stream; /* what is left of rows behind their words */
    int16_t *x, *decoded;
    uint32_t channel_step, count, words, rest_bits, apart;
} bw_job;

BW_INLINE bw_sums bw_multiply_add_4(bw_sums values, int32_t factor, int32_t more)
{
    bw_sums found;
    found.a = bw_multiply_add(values.a, factor, more);
    found.b = bw_multiply_add(values.b, factor, more);
    found.c = bw_multiply_add(values.c, factor, more);
    found.d = bw_multiply_add(values.d, factor, more);
    return found;
}

/* Rows from `row` to before `end`, times four pixels, to codes. */
BW_INLINE void bw_multiply_rows(
    const bw_job *job, uint32_t row, const uint32_t end, uint8_t *out, const unsigned bits)
{
    const uint32_t mask = bits == BW_DECODED ? 0 : bw_pair_mask(bits);
    const uint8_t *at = job->weights.fields + 4 * job->words * row;
    for (; row < end; row++, out++) {
        const int16_t *x = job->x;
        uint32_t channel;
        bw_sums sums;
        BW_HIDE(row);
        BW_HIDE(out);
        sums = bw_multiply_add_4(
            job->inputs, bw_offset(&job->weights, row), job->bias[row]);
        if (bits == BW_DECODED) {
            bw_decode(&job->weights, row, job->count, job->decoded);
            bw_multiply_decoded(&sums, job->decoded, job->count, x, 4);
        } else {
            at = bw_multiply_row(&sums, at, job->words, &x, mask, bits, 4);
            if (job->rest_bits) {
                uint32_t word = bw_window(job->stream, row * job->rest_bits);
                bw_multiply_word(&sums, &x, word, mask, bits, 4);
            }
        }
        channel = row * job->channel_step;
        bw_codes(sums, job->multiplier[channel], job->shift[channel], job->ends, out, job->apart);
    }
}

/* What is done once for all rows of four pixels: a gap between weights goes into the inputs. */
static void bw_spread(int16_t *x, uint32_t count, int16_t gap)
{
    for (; count; count--, x++) {
        *x = (int16_t)(*x * gap);
    }
}

static void bw_to_levels(uint8_t *codes, uint32_t count, const uint8_t *levels)
{
    for (; count; count--, codes++) {
        *codes = levels[*codes];
    }
}

BW_INLINE void bw_convolve(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch,
    const unsigned bits)
{
    const uint32_t pixels = (uint32_t)layer->out_height * layer->out_width;
    const uint32_t channels = layer->out_channels, each = channels / layer->groups;
    const uint32_t inputs = (uint32_t)(layer->channels / layer->groups);
    const uint32_t count = (uint32_t)layer->kernel * layer->kernel * inputs;
    const uint32_t fields = bw_word_fields(bits), padded = (count + fields - 1) / fields * fields;
    const uint32_t apart = pixels < 4 ? 0 : 1; /* fewer than four: each one four times */
    uint32_t group, pixel;
    bw_job job;
    job.weights = layer->weights;
    job.ends = bw_ends_of(&layer->rescale);
    job.bias = layer->bias;
    job.multiplier = layer->rescale.multiplier;
    job.shift = layer->rescale.shift;
    job.channel_step = layer->rescale.channel_step;
    job.count = count;
    job.words = count / fields;
    job.rest_bits = count % fields * bits;
    job.stream = layer->weights.fields + 4 * job.words * channels;
    job.x = scratch;
    job.decoded = job.x + 4 * padded;
    job.apart = apart * channels;
    for (group = 0; group < layer->groups; group++) {
        for (pixel = 0; pixel < pixels; pixel += apart ? 4 : 1) {
            const uint32_t first = apart && pixel > pixels - 4 ? pixels - 4 : pixel;
            uint8_t *to = out + first * channels + group * each;
            job.inputs =
                bw_gather_pixels(layer, in, first, apart, group * inputs, job.x, bits);
            if (job.weights.gap != 1) {
                bw_spread(job.x, 4 * padded, job.weights.gap);
            }
            bw_multiply_rows(&job, group * each, group * each + each, to, bits);
        }
    }
    if (layer->rescale.levels) {
        bw_to_levels(out, pixels * channels, layer->rescale.levels);
    }
}

#endif
