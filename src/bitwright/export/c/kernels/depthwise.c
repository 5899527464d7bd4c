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

/* One output pixel, from the top left of its window; rows of the window lie `row_bytes` apart. */
BW_INLINE void convolve_pixel(const bw_conv *layer, const uint8_t *corner, uint32_t row_bytes,
    const int16_t *weights, uint8_t *out, const uint32_t kernel)
{
    const bw_ends ends = bw_ends_of(&layer->rescale);
    const int32_t *const bias = layer->bias, *const multiplier = layer->rescale.multiplier;
    const int8_t *const shift = layer->rescale.shift;
    const uint32_t channels = layer->channels, step = layer->rescale.channel_step;
    uint32_t channel, y, x;
    for (channel = 0; channel < channels; channel += 4) {
        const uint8_t *row = corner + channel;
        bw_sums sums = {0, 0, 0, 0};
        for (y = 0; y < kernel; y++, row += row_bytes) {
            const uint8_t *at = row;
            for (x = 0; x < kernel; x++, at += channels, weights += 4) {
                uint32_t word = bw_load(at);
                uint32_t even = bw_unsigned_even(word), odd = bw_unsigned_odd(word);
                uint32_t w0 = bw_load(weights), w1 = bw_load(weights + 2);
                sums.a = multiply_low(even, w0, sums.a);
                sums.b = multiply_low(odd, w1, sums.b);
                sums.c = multiply_high(even, w0, sums.c);
                sums.d = multiply_high(odd, w1, sums.d);
            }
        }
#define BW_LANE(i, n)                                                                               \
    if (channel + (i) < channels) {                                                                \
        int32_t sum = bw_multiply_add(1, bias[channel + (i)], sums.n);                           \
        uint32_t at = (channel + (i)) * step;                                                      \
        *out++ = bw_code(sum, multiplier[at], shift[at], ends);                                    \
    }
        BW_LANE(0, a)
        BW_LANE(1, b)
        BW_LANE(2, c)
        BW_LANE(3, d)
#undef BW_LANE
    }
}

void bw_depthwise(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    const int32_t kernel = layer->kernel, stride = layer->stride;
    const uint32_t channels = layer->channels;
    int16_t *weights = scratch;
    uint8_t *window = (uint8_t *)(weights + (channels + 3) / 4 * 4 * (uint32_t)(kernel * kernel));
    int32_t y, x;
    decode(layer, weights);
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
                convolve_pixel(layer, corner, row_bytes, weights, out, 3);
            } else {
                convolve_pixel(layer, corner, row_bytes, weights, out, (uint32_t)kernel);
            }
        }
    }
}
