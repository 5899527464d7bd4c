/* Layers of a quantized network in integers: what each one is given. No floating point, no heap.
 *
 * Maps are unsigned 8-bit codes, channels last: (height, width, channels). A layer's sums are
 * 32 bits; they and every code are exactly those of Bitwright's integer reference.
 */
#ifndef BITWRIGHT_H
#define BITWRIGHT_H

#include <stddef.h>
#include <stdint.h>

/* code = min(clip_to_8_bits(round(sum * multiplier / 2^(shift + 33)) + zero_point), high), ties to
 * even; then levels[code] where there are levels. A shift below 0 moves the sum to the left first.
 *
 * Where a channel meets no tie, and shift and sums are small enough, a multiplication that keeps
 * the upper half does it all. BW_CARE more than its shift marks any other. */
#define BW_CARE 64

typedef struct {
    const int32_t *multiplier; /* one for all channels, or one for each */
    const int8_t *shift;       /* as many as multipliers: -30 to 29, or BW_CARE more */
    const uint8_t *levels;     /* 256 codes, or NULL */
    uint8_t channel_step;      /* 1 where each channel has its own multiplier, else 0 */
    uint8_t zero_point;
    uint8_t high;
} bw_rescale;

/* Rows of weights, one for each output channel. A stored field f stands for f * gap + offset; where
 * there is a table, for table[f] + offset.
 *
 * Fields follow each other, lowest bits first, and leave no bit unused. First come the whole groups
 * of each row: of 8 fields, or of as many as fill a 32-bit word where they have 8, 4, 2 or 1 bits
 * (these lie in the order that two multiplications at a time want). What is left of all rows
 * follows from byte `rest` on. */
typedef struct {
    const uint8_t *fields;
    const int8_t *table;    /* levels by field, or NULL */
    const int16_t *offsets; /* one for each row, or NULL: `offset` for all */
    uint32_t rest;
    int16_t offset;
    uint8_t gap;
    uint8_t bits;        /* of a field */
    uint16_t table_step; /* levels from one row's table to the next; 0: one table for all */
} bw_weights;

/* Writes a row of `count` weights, moved left by `lift`, as 16-bit numbers: of each four the first
 * and the third, then the second and the fourth; zeros fill the last four. */
typedef void bw_decoder(
    const bw_weights *weights, uint32_t row, uint32_t count, uint32_t lift, int16_t *to);

bw_decoder bw_decode_w8, bw_decode_w7, bw_decode_w6, bw_decode_w5, bw_decode_w4, bw_decode_w3,
    bw_decode_w2, bw_decode_w1, bw_decode_table;

typedef struct {
    bw_weights weights;
    bw_decoder *decode;
    const int32_t *bias; /* less the input's zero point times the row's sum */
    bw_rescale rescale;
    uint16_t height, width, channels;
    uint16_t out_height, out_width, out_channels;
    uint16_t groups;
    uint16_t rows; /* at a time: of weights, decoded; in depthwise layers, of the output */
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

/* `scratch` is aligned to 4 bytes. */
void bw_convolve(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);

/* Depthwise convolutions: of 3 x 3 with stride 1, with stride 2, and any others. */
void bw_depthwise_3x3(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);
void bw_depthwise_3x3_half(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);
void bw_depthwise_any(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch);

/* Fully connected layers: to codes (uint8_t), or raw sums (int32_t) where the layer has no
 * multiplier. The suffix is the width of the weights' fields, or says that they have a table. */
typedef void bw_connect(const bw_linear *layer, const uint8_t *in, void *out, void *scratch);

bw_connect bw_linear_w8, bw_linear_w7, bw_linear_w6, bw_linear_w5, bw_linear_w4, bw_linear_w3,
    bw_linear_w2, bw_linear_w1, bw_linear_table;

void bw_sum(const bw_add *layer, const uint8_t *a, const uint8_t *b, uint8_t *out);
void bw_product(const bw_multiply *layer, const uint8_t *in, const uint8_t *gate, uint8_t *out);
void bw_max_pool(const bw_pool *layer, const uint8_t *in, uint8_t *out);
void bw_average_pool(const bw_pool *layer, const uint8_t *in, uint8_t *out);

#endif
