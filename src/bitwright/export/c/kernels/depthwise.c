/* A depthwise convolution: the inputs of four channels are parted into planes of 16-bit numbers,
 * padding around them; each plane is then convolved with its channel's weights, two multiplications
 * at a time. Of large maps, some rows of the output at a time. */
#include "codes.h"
#include "decode.h"

/* What the layer works with. */
typedef struct {
    const bw_conv *layer;
    int16_t *planes, *weights;
    uint32_t pitch;        /* numbers in a plane's row */
    uint32_t plane;        /* numbers in a plane */
    uint32_t weight_pitch; /* weights of a row of the window, an even number */
} work_of;

/* A channel's weights, row by row of its window. Of three in a row the second stands twice, so that
 * each pair of neighbours is a word; of others a zero makes the number even. */
static void decode_channel(const work_of *work, uint32_t channel, uint32_t lift)
{
    const bw_conv *layer = work->layer;
    const uint32_t kernel = layer->kernel, pitch = work->weight_pitch;
    int16_t *to = work->weights, *const row = to + kernel * pitch;
    uint32_t y, x, at = 0;
    layer->decode(&layer->weights, channel, kernel * kernel, lift, row);
    for (y = 0; y < kernel; y++, to += pitch) {
        to[pitch - 1] = 0;
        for (x = 0; x < kernel; x++, at++) {
            to[x] = row[bw_place(at)];
        }
        if (kernel == 3 && layer->stride <= 2) {
            to[3] = to[2];
            to[2] = to[1];
        }
    }
}

/* Parts two neighbours' four channels. */
BW_INLINE void part(int16_t *to, uint32_t plane, uint32_t left, uint32_t right)
{
    const uint32_t even = bw_unsigned_even(left), odd = bw_unsigned_odd(left);
    const uint32_t next_even = bw_unsigned_even(right), next_odd = bw_unsigned_odd(right);
    bw_store(to, bw_low_halves(even, next_even));
    bw_store(to + plane, bw_low_halves(odd, next_odd));
    bw_store(to + 2 * plane, bw_high_halves(even, next_even));
    bw_store(to + 3 * plane, bw_high_halves(odd, next_odd));
}

/* One row of the four planes: `in` is four channels of a map's row, or NULL for padding. */
BW_APART void fill_row(const work_of *work, const uint8_t *in, int16_t *to)
{
    const bw_conv *layer = work->layer;
    const uint32_t plane = work->plane, pitch = work->pitch, apart = layer->channels;
    const uint32_t before = layer->kernel / 2U, padding = layer->zero_point * 0x01010101U;
    const uint32_t width = in == NULL ? 0 : layer->width;
    const uint32_t inside = width + before < pitch ? width : pitch - before;
    int16_t *const end = to + pitch;
    uint32_t x;
    for (x = 0; x < before; x += 2) {
        part(to + x, plane, padding, padding);
    }
    to += before;
    for (x = inside / 2; x; x--, to += 2, in += 2 * apart) {
        part(to, plane, bw_load(in), bw_load(in + apart));
    }
    if (inside % 2) {
        part(to, plane, bw_load(in), padding);
        to += 2;
    }
    for (; to < end; to += 2) {
        part(to, plane, padding, padding);
    }
}

/* The planes of four channels, from the map's row `top` on, which may lie above the map. */
static void fill_planes(const work_of *work, const uint8_t *in, int32_t top)
{
    const bw_conv *layer = work->layer;
    const uint32_t row = (uint32_t)layer->width * layer->channels;
    uint32_t at;
    for (at = 0; at < work->plane; at += work->pitch, top++) {
        const uint8_t *from = top < 0 || top >= layer->height ? NULL : in + (uint32_t)top * row;
        fill_row(work, from, work->planes + at);
    }
}

/* What all codes of a channel need. */
typedef struct {
    const int16_t *plane;
    int32_t bias, multiplier, shift, addend, zero_point;
    uint32_t apart; /* bytes from a pixel to the next */
} channel_of;

BW_APART void put(const channel_of *to, int32_t sum, uint8_t *out)
{
    if (to->multiplier >= 0) {
        *out = (uint8_t)bw_lifted_code(sum, to->multiplier, to->addend);
    } else {
        *out = (uint8_t)bw_careful_code(sum, -to->multiplier, to->shift, to->zero_point);
    }
}

/* The four windows of 3 x 3 in six columns; the first and the third where the stride is 2. Rows lie
 * `pitch` numbers apart; `weights` are three times both pairs of neighbours. */
BW_INLINE bw_sums multiply_3x3(const int16_t *x, uint32_t pitch, const int16_t *weights,
    int32_t bias, const uint32_t stride)
{
    bw_sums sums;
#if BW_DSP
    uint32_t first, second;
#define ROW(at)                                                                                    \
    "ldrd %[first], %[second], [%[weights], #" at "]\n\t"                                          \
    "ldmia %[x], {r4, r5, r6}\n\t"                                                                 \
    "add %[x], %[x], %[pitch], lsl #1\n\t"
#define EVEN(from_a, from_c)                                                                       \
    "smlad %[c], r5, %[first], %[" from_c "]\n\t"                                                  \
    "smlad %[a], r4, %[first], %[" from_a "]\n\t"                                                  \
    "smlabt %[a], r5, %[second], %[a]\n\t"                                                         \
    "smlabt %[c], r6, %[second], %[c]\n\t"
#define ODD(from_b, from_d)                                                                        \
    "smlatb %[b], r4, %[first], %[" from_b "]\n\t"                                                 \
    "smlatb %[d], r5, %[first], %[" from_d "]\n\t"                                                 \
    "smlad %[b], r5, %[second], %[b]\n\t"                                                          \
    "smlad %[d], r6, %[second], %[d]\n\t"
    sums.a = bias;
    if (stride == 1) {
        __asm__(ROW("0") ODD("a", "a") EVEN("a", "a") ROW("8") ODD("b", "d") EVEN("a", "c")
                    ROW("16") ODD("b", "d") EVEN("a", "c")
                : [a] "+r"(sums.a), [b] "=&r"(sums.b), [c] "=&r"(sums.c), [d] "=&r"(sums.d),
                  [first] "=&r"(first), [second] "=&r"(second), [x] "+r"(x)
                : [weights] "r"(weights), [pitch] "r"(pitch)
                : "r4", "r5", "r6", "memory");
    } else {
        __asm__(ROW("0") EVEN("a", "a") ROW("8") EVEN("a", "c") ROW("16") EVEN("a", "c")
                : [a] "+r"(sums.a), [c] "=&r"(sums.c), [first] "=&r"(first),
                  [second] "=&r"(second), [x] "+r"(x)
                : [weights] "r"(weights), [pitch] "r"(pitch)
                : "r4", "r5", "r6", "memory");
        sums.b = sums.d = 0;
    }
#undef ROW
#undef EVEN
#undef ODD
#else
    uint32_t y, at;
    sums.a = sums.b = sums.c = sums.d = bias;
    for (y = 0; y < 3; y++, x += pitch, weights += 4) {
        for (at = 0; at < 3; at++) {
            const int32_t weight = weights[at + at / 2];
            sums.a = bw_multiply_add(x[at], weight, sums.a);
            sums.c = bw_multiply_add(x[at + 2], weight, sums.c);
            if (stride == 1) {
                sums.b = bw_multiply_add(x[at + 1], weight, sums.b);
                sums.d = bw_multiply_add(x[at + 3], weight, sums.d);
            }
        }
    }
#endif
    return sums;
}

/* The codes of a block's first pixels; every other sum where the stride is 2. */
BW_APART void put_some(
    const channel_of *to, bw_sums sums, uint8_t *out, uint32_t count, uint32_t stride)
{
    const int32_t second = stride == 1 ? sums.b : sums.c;
    put(to, sums.a, out);
    if (count > 1) {
        put(to, second, out + to->apart);
    }
    if (count > 2) {
        put(to, sums.c, out + 2 * to->apart);
    }
    if (count > 3) {
        put(to, sums.d, out + 3 * to->apart);
    }
}

/* A channel's rows of the output where windows are 3 x 3; so many pixels follow these rows. Whole
 * blocks are written where no code needs care: their last pixels may be of rows that follow, and
 * are written again then. */
BW_INLINE void convolve_3x3(const work_of *work, const channel_of *to, uint8_t *out,
    uint32_t rows, uint32_t following, const uint32_t stride)
{
    const uint32_t width = work->layer->out_width, apart = to->apart, block = 4 / stride;
    const uint32_t pitch = work->pitch, whole = to->multiplier < 0 ? UINT32_MAX : 0;
    const int16_t *const weights = work->weights, *row = to->plane;
    const int32_t bias = to->bias, multiplier = to->multiplier, addend = to->addend;
    for (; rows; rows--, row += stride * pitch, out += width * apart) {
        const uint32_t behind = (rows - 1) * width + following;
        const uint32_t least = behind < block && block > whole ? block : whole;
        uint32_t left = width;
        const int16_t *x = row;
        uint8_t *at = out;
        for (;; left -= block, x += 4, at += block * apart) {
            const bw_sums sums = multiply_3x3(x, pitch, weights, bias, stride);
            if (left >= least) {
                BW_HIDE(at);
                at[0] = (uint8_t)bw_lifted_code(sums.a, multiplier, addend);
                at[2 / stride * apart] = (uint8_t)bw_lifted_code(sums.c, multiplier, addend);
                if (stride == 1) {
                    at[apart] = (uint8_t)bw_lifted_code(sums.b, multiplier, addend);
                    at[3 * apart] = (uint8_t)bw_lifted_code(sums.d, multiplier, addend);
                }
            } else {
                put_some(to, sums, at, left < block ? left : block, stride);
            }
            if (left <= block) {
                break;
            }
        }
    }
}

static void convolve_3x3_full(const work_of *work, const channel_of *to, uint8_t *out,
    uint32_t rows, uint32_t following)
{
    convolve_3x3(work, to, out, rows, following, 1);
}

static void convolve_3x3_half(const work_of *work, const channel_of *to, uint8_t *out,
    uint32_t rows, uint32_t following)
{
    convolve_3x3(work, to, out, rows, following, 2);
}

/* A channel's rows of the output, whatever its windows are. */
static void convolve_any(const work_of *work, const channel_of *to, uint8_t *out,
    uint32_t rows, uint32_t following)
{
    const uint32_t kernel = work->layer->kernel, stride = work->layer->stride;
    const uint32_t pitch = work->pitch, pairs = work->weight_pitch / 2;
    const int16_t *row = to->plane;
    (void)following;
    for (; rows; rows--, row += stride * pitch) {
        const int16_t *x = row;
        uint32_t left = work->layer->out_width;
        for (; left; left--, x += stride, out += to->apart) {
            const int16_t *from = x, *weights = work->weights;
            int32_t sum = to->bias;
            uint32_t y, at;
            for (y = 0; y < kernel; y++, from += pitch) {
                for (at = 0; at < pairs; at++, weights += 2) {
                    sum = bw_multiply_pairs(bw_load(from + 2 * at), bw_load(weights), sum);
                }
            }
            put(to, sum, out);
        }
    }
}

/* What makes a channel's rows of the output; so many pixels follow them. */
typedef void convolve_of(const work_of *work, const channel_of *to, uint8_t *out, uint32_t rows,
    uint32_t following);

static channel_of channel_at(const work_of *work, uint32_t channel)
{
    const bw_conv *layer = work->layer;
    const bw_lift lift = bw_lift_of(&layer->rescale, channel);
    channel_of to;
    to.plane = work->planes + channel % 4 * work->plane;
    to.bias = (int32_t)((uint32_t)layer->bias[channel] << lift.by);
    to.multiplier = lift.multiplier;
    to.shift = lift.shift;
    to.addend = bw_lifted_addend(&layer->rescale);
    to.zero_point = layer->rescale.zero_point;
    to.apart = layer->channels;
    decode_channel(work, channel, lift.by);
    return to;
}

BW_APART void convolve(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch,
    convolve_of *rows_of_channel)
{
    const uint32_t kernel = layer->kernel, stride = layer->stride, channels = layer->channels;
    const uint32_t even = (kernel + 1) / 2 * 2, row = (uint32_t)layer->out_width * channels;
    uint32_t y, rows, following, channel;
    channel_of to;
    work_of work;
    work.layer = layer;
    work.pitch = (layer->out_width * stride + 3U) / 4 * 4 + even;
    work.plane = ((layer->rows - 1U) * stride + kernel) * work.pitch;
    work.weight_pitch = even;
    work.planes = scratch;
    work.weights = work.planes + 4 * work.plane;
    for (y = 0; y < layer->out_height; y += rows) {
        rows = layer->out_height - y;
        rows = rows < layer->rows ? rows : layer->rows;
        following = (layer->out_height - y - rows) * layer->out_width;
        for (channel = 0; channel < channels; channel++) {
            if (channel % 4 == 0) {
                fill_planes(&work, in + channel, (int32_t)(y * stride) - (int32_t)kernel / 2);
            }
            to = channel_at(&work, channel);
            rows_of_channel(&work, &to, out + y * row + channel, rows, following);
        }
    }
    bw_finish(&layer->rescale, out, layer->out_height * row);
}

void bw_depthwise_3x3(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    convolve(layer, in, out, scratch, convolve_3x3_full);
}

void bw_depthwise_3x3_half(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    convolve(layer, in, out, scratch, convolve_3x3_half);
}

void bw_depthwise_any(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    convolve(layer, in, out, scratch, convolve_any);
}
