/* Layers of a quantized network in integers: what each one is given. No floating point, no heap.
 *
 * Maps are unsigned 8-bit codes, channels last: (height, width, channels). A layer's sums are
 * 32 bits; they and every code are exactly those of Bitwright's integer reference.
 */
#ifndef BITWRIGHT_H
#define BITWRIGHT_H

#include <stdint.h>

/* code = min(clip_to_8_bits(round(sum * multiplier / 2^(shift + 33)) + zero_point), high), ties to
 * even; then levels[code] where there are levels. A shift below 0 moves the sum to the left first. */
typedef struct {
    const int32_t *multiplier; /* one for all channels, or one for each */
    const int8_t *shift;       /* -30 to 29; as many as multipliers */
    const uint8_t *levels;     /* 256 codes, or NULL */
    uint8_t channel_step;      /* 1 where each channel has its own multiplier, else 0 */
    uint8_t zero_point;
    uint8_t high;
} bw_rescale;

/* Rows of weights, one for each output channel. A stored field f stands for f * gap + offset; where
 * there is a table, for table[f] + offset. Fields of 8 bits are signed.
 *
 * In streams (decoded rows, depthwise layers) fields follow each other, lowest bits first. For the
 * kernels of 8, 4, 2 and 1 bits, whole 32-bit words of each row come first, in the order that two
 * multiplications at a time want; what is left of all rows follows as a stream. */
typedef struct {
    const uint8_t *fields;
    const int8_t *table;    /* levels by field, or NULL */
    const int16_t *offsets; /* one for each row, or NULL: `offset` for all */
    int16_t offset;
    uint8_t gap;
    uint8_t bits;           /* of a field */
    uint16_t table_step;    /* levels from one row's table to the next; 0: one table for all */
} bw_weights;

typedef struct {
    bw_weights weights;
    const int32_t *bias; /* less the input's zero point times the row's sum */
    bw_rescale rescale;
    uint16_t height, width, channels;
    uint16_t out_height, out_width, out_channels;
    uint16_t groups;
    uint8_t kernel, stride;
    uint8_t zero_point; /* the input's: what padding is made of */
} bw_conv;

typedef struct {
    bw_weights weights;
    const int32_t *bias;
    bw_rescale rescale;
    uint32_t inputs, outputs;
} bw_linear;

/* sum = ((a - zero_a) << left_a) * multiplier_a + the same of b */
typedef struct {
    int32_t multiplier_a, multiplier_b;
    uint8_t left_a, left_b;
    uint8_t zero_a, zero_b;
    bw_rescale rescale; /* without multiplier */
    uint32_t count;
} bw_add;

typedef struct {
    bw_rescale rescale;
    uint32_t pixels;
    uint16_t channels;
    uint8_t zero_point, gate_zero_point;
} bw_multiply;

/* Windows that do not overlap; rows and columns that fill no window are left out. */
typedef struct {
    bw_rescale rescale; /* of averages */
    uint16_t width, channels;
    uint16_t out_height, out_width;
    uint16_t window_height, window_width;
    uint8_t zero_point; /* of averages */
} bw_pool;

/* `scratch` is aligned to 4 bytes. The suffix is the width of the weights' fields; `decoded` takes
 * every width and tables. */
void bw_conv_w8(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);
void bw_conv_w4(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);
void bw_conv_w2(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);
void bw_conv_w1(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);
void bw_conv_decoded(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);
void bw_depthwise(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);

/* Fully connected layers: to codes (uint8_t), or raw sums (int32_t) where the layer has no
 * multiplier. */
void bw_linear_w8(const bw_linear *layer, const uint8_t *in, void *out, void *scratch);
void bw_linear_w4(const bw_linear *layer, const uint8_t *in, void *out, void *scratch);
void bw_linear_w2(const bw_linear *layer, const uint8_t *in, void *out, void *scratch);
void bw_linear_w1(const bw_linear *layer, const uint8_t *in, void *out, void *scratch);
void bw_linear_decoded(const bw_linear *layer, const uint8_t *in, void *out, void *scratch);

void bw_sum(const bw_add *layer, const uint8_t *a, const uint8_t *b, uint8_t *out);
void bw_product(const bw_multiply *layer, const uint8_t *in, const uint8_t *gate, uint8_t *out);
void bw_max_pool(const bw_pool *layer, const uint8_t *in, uint8_t *out);
void bw_average_pool(const bw_pool *layer, const uint8_t *in, uint8_t *out);

#endif
