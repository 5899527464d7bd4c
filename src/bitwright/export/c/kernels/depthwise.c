/* A depthwise convolution: four channels of a pixel at a time. The layer's weights, of any width,
 * are decoded once; at the map's borders the inputs are copied out, padding in their place. */
#include "rows.h"

/* Weights as 16-bit numbers: by four channels, then by place in the window; channels in the order
 * 0, 2, 1, 3. */
static void decode(const bw_conv *layer, int16_t *to)
{
    const bw_weights *weights = &layer->weights;
    const uint32_t window = (uint32_t)layer->kernel * layer->kernel;
    uint32_t channel, at, bit = 0;
    for (channel = 0; channel < layer->channels; channel++) {
        int16_t *column = to + channel / 4 * 4 * window + channel % 2 * 2 + channel / 2 % 2;
        int32_t offset = bw_offset(weights, channel);
        for (at = 0; at < window; at++, bit += weights->bits) {
            uint32_t field = bw_field(weights->fields, bit, weights->bits);
            int32_t level = bw_level(weights, channel, field);
            column[4 * at] = (int16_t)(level * weights->gap + offset);
        }
    }
}

/* The window of one output pixel, channels last, padding where it leaves the map. */
static void copy_window(
    const bw_conv *layer, const uint8_t *in, int32_t top, int32_t left, uint8_t *to)
{
    const uint32_t channels = layer->channels;
    int32_t y, x;
    for (y = top; y < top + layer->kernel; y++) {
        for (x = left; x < left + layer->kernel; x++, to += channels) {
            if (y < 0 || y >= layer->height || x < 0 || x >= layer->width) {
                memset(to, layer->zero_point, channels);
            } else {
                memcpy(to, in + (uint32_t)(y * layer->width + x) * channels, channels);
            }
        }
    }
}

/* sum + the product of the lower halves; and of the upper ones */
BW_INLINE int32_t multiply_low(uint32_t a, uint32_t b, int32_t sum)
{
#if BW_DSP
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return bw_multiply_add((int16_t)(uint16_t)a, (int16_t)(uint16_t)b, sum);
#endif
}

BW_INLINE int32_t multiply_high(uint32_t a, uint32_t b, int32_t sum)
{
#if BW_DSP
    __asm__("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return multiply_low(a >> 16, b >> 16, sum);
#endif
}

/* Four channels of one place in the window; moves behind the weights. */
BW_INLINE void multiply_place(bw_sums *sums, const uint8_t *at, const int16_t **weights)
{
    const uint32_t word = bw_load(at);
    const uint32_t even = bw_unsigned_even(word), odd = bw_unsigned_odd(word);
    const uint32_t w0 = bw_load(*weights), w1 = bw_load(*weights + 2);
    *weights += 4;
    sums->a = multiply_low(even, w0, sums->a);
    sums->b = multiply_low(odd, w1, sums->b);
    sums->c = multiply_high(even, w0, sums->c);
    sums->d = multiply_high(odd, w1, sums->d);
}

/* What all pixels need. */
typedef struct {
    const int16_t *weights;
    const int32_t *bias, *multiplier;
    const int8_t *shift;
    bw_ends ends;
    uint32_t channels, channel_step;
} job_of;

/* The code of a channel, before levels; `at` is its multiplier's place, and moves to the next. */
BW_INLINE uint32_t code_of(const job_of *job, uint32_t *at, int32_t sum)
{
    const int32_t multiplier = job->multiplier[*at];
    int shift = job->shift[*at];
    *at += job->channel_step;
    if (shift < 0) {
        sum = bw_moved_left(sum, -shift);
        shift = 0;
    }
    return bw_rounded((int64_t)sum * multiplier, shift, job->ends.twice_zero);
}

/* One output pixel, from the top left of its window; rows of the window lie `row_bytes` apart. */
BW_INLINE void convolve_pixel(const job_of *job, const uint8_t *corner, uint32_t row_bytes,
    uint8_t *out, const uint32_t kernel)
{
    const uint32_t channels = job->channels;
    const int16_t *weights = job->weights;
    uint32_t channel, y, x;
    for (channel = 0; channel < channels; channel += 4, out += 4) {
        const uint8_t *row = corner + channel;
        const uint32_t left = channels - channel;
        const int32_t *const bias = job->bias + channel;
        uint32_t a, b, c, d, place = channel * job->channel_step;
        bw_sums sums;
        sums.a = bias[0];
        sums.b = left > 1 ? bias[1] : 0;
        sums.c = left > 2 ? bias[2] : 0;
        sums.d = left > 3 ? bias[3] : 0;
        BW_HIDE(channel);
        BW_HIDE(place);
        if (kernel == 3) {
            for (y = 0; y < 3; y++, row += row_bytes) {
                multiply_place(&sums, row, &weights);
                multiply_place(&sums, row + channels, &weights);
                multiply_place(&sums, row + 2 * channels, &weights);
            }
        } else {
            for (y = 0; y < kernel; y++, row += row_bytes) {
                for (x = 0; x < kernel; x++) {
                    multiply_place(&sums, row + x * channels, &weights);
                }
            }
        }
        a = code_of(job, &place, sums.a);
        if (left < 4) {
            out[0] = bw_on_level(a, job->ends);
            if (left > 1) {
                out[1] = bw_on_level(code_of(job, &place, sums.b), job->ends);
            }
            if (left > 2) {
                out[2] = bw_on_level(code_of(job, &place, sums.c), job->ends);
            }
            return;
        }
        b = code_of(job, &place, sums.b);
        c = code_of(job, &place, sums.c);
        d = code_of(job, &place, sums.d);
        if (job->ends.high < 255 || job->ends.levels) {
            a = bw_on_level(a, job->ends);
            b = bw_on_level(b, job->ends);
            c = bw_on_level(c, job->ends);
            d = bw_on_level(d, job->ends);
        }
        out[0] = (uint8_t)a;
        out[1] = (uint8_t)b;
        out[2] = (uint8_t)c;
        out[3] = (uint8_t)d;
    }
}

void bw_depthwise(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    const int32_t kernel = layer->kernel, stride = layer->stride;
    const uint32_t channels = layer->channels, places = (uint32_t)(kernel * kernel);
    uint8_t *const window = (uint8_t *)((int16_t *)scratch + (channels + 3) / 4 * 4 * places);
    int32_t y, x;
    job_of job;
    job.weights = scratch;
    job.bias = layer->bias;
    job.multiplier = layer->rescale.multiplier;
    job.shift = layer->rescale.shift;
    job.ends = bw_ends_of(&layer->rescale);
    job.channels = channels;
    job.channel_step = layer->rescale.channel_step;
    decode(layer, scratch);
    for (y = 0; y < layer->out_height; y++) {
        for (x = 0; x < layer->out_width; x++, out += channels) {
            const int32_t top = y * stride - kernel / 2, left = x * stride - kernel / 2;
            const uint8_t *corner = window;
            uint32_t row_bytes = (uint32_t)kernel * channels;
            if (top < 0 || left < 0 || top + kernel > layer->height ||
                left + kernel > layer->width) {
                copy_window(layer, in, top, left, window);
            } else {
                corner = in + (uint32_t)(top * layer->width + left) * channels;
                row_bytes = (uint32_t)layer->width * channels;
            }
            if (kernel == 3) {
                convolve_pixel(&job, corner, row_bytes, out, 3);
            } else {
                convolve_pixel(&job, corner, row_bytes, out, (uint32_t)kernel);
            }
        }
    }
}
