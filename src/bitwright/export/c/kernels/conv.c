/* A convolution: some rows of weights are decoded at a time; then, of four pixels at a time, the
 * inputs are gathered and multiplied with each of these rows. */
#include "codes.h"

#define PIXELS 4
#define ROW_BYTES 16 /* of a row at hand, beside its weights */

/* What the layer works with. A row at hand is its bias twice, its weights, its multiplier (below 0
 * where codes need care) and its shift, without gaps. Inputs come in runs of whole words: the rows
 * of a pixel's window where they lie, or the whole window, copied, where it leaves the map, or rows
 * fill no words, or belong to groups. */
typedef struct {
    const bw_conv *layer;
    const uint8_t *in;
    int16_t *x; /* gathered inputs, of all pixels beside each other, two by two */
    uint8_t *rows;
    uint8_t *windows;      /* one for each pixel */
    uint32_t each;         /* channels of a group */
    uint32_t count, words; /* inputs of a code; words that they fill */
    uint32_t runs, run_words;
    uint32_t inner_height, inner_width; /* places of windows that need no copy */
} work_of;

/* Where a pixel's inputs are read, and how far it is from the end of a run to the next. */
typedef struct {
    const uint8_t *at;
    uint32_t skip;
} source_of;

/* Bytes to a window in whole words; up to three more, which what comes next overwrites. */
BW_INLINE uint8_t *append(uint8_t *to, const uint8_t *bytes, uint32_t count)
{
    uint8_t *const end = to + count;
    for (; to < end; to += 4, bytes += 4) {
        bw_store(to, bw_load(bytes));
    }
    return end;
}

BW_INLINE uint8_t *append_padding(uint8_t *to, uint32_t padding, uint32_t count)
{
    uint8_t *const end = to + count;
    for (; to < end; to += 4) {
        bw_store(to, padding);
    }
    return end;
}

/* Copies a pixel's window, padding where it leaves the map. */
BW_APART void copy_window(
    const work_of *work, int32_t top, int32_t left, uint32_t channel, uint8_t *to)
{
    const bw_conv *layer = work->layer;
    const int32_t kernel = layer->kernel, width = layer->width;
    const int32_t before = left < 0 ? -left : 0;
    const int32_t beyond = left + kernel > width ? left + kernel - width : 0;
    const int32_t inside = kernel - before - beyond; /* columns */
    const uint32_t each = work->each, channels = layer->channels;
    const uint32_t padding = layer->zero_point * 0x01010101U;
    int32_t y, column;
    for (y = top; y < top + kernel; y++) {
        const uint8_t *from = work->in + channel;
        if (y < 0 || y >= layer->height || inside <= 0) {
            to = append_padding(to, padding, (uint32_t)kernel * each);
            continue;
        }
        from += (uint32_t)(y * width + left + before) * channels;
        to = append_padding(to, padding, (uint32_t)before * each);
        if (each == channels) {
            to = append(to, from, (uint32_t)inside * each);
        } else {
            for (column = 0; column < inside; column++, from += channels) {
                to = append(to, from, each);
            }
        }
        to = append_padding(to, padding, (uint32_t)beyond * each);
    }
}

BW_APART source_of source(
    const work_of *work, uint32_t y, uint32_t x, uint32_t channel, uint8_t *window)
{
    const bw_conv *layer = work->layer;
    const int32_t top = (int32_t)(y * layer->stride) - layer->kernel / 2;
    const int32_t left = (int32_t)(x * layer->stride) - layer->kernel / 2;
    source_of from;
    if ((uint32_t)top < work->inner_height && (uint32_t)left < work->inner_width) {
        from.at = work->in + (uint32_t)(top * layer->width + left) * layer->channels;
        from.skip = (uint32_t)(layer->width - layer->kernel) * layer->channels;
    } else {
        copy_window(work, top, left, channel, window);
        from.at = window;
        from.skip = 0;
    }
    return from;
}

/* A run of so many words, at least one, of each of four pixels; moves behind it. Four inputs of a
 * pixel become two pairs: the first and the third, the second and the fourth. */
BW_INLINE int16_t *gather_run(source_of from[PIXELS], int16_t *x, uint32_t words)
{
#if BW_DSP
    const uint8_t *a = from[0].at, *b = from[1].at, *c = from[2].at, *d = from[3].at;
    uint32_t first, second, even, odd;
    __asm__("1:\n\t"
            "ldr %[first], [%[a]], #4\n\t"
            "ldr %[second], [%[b]], #4\n\t"
            "uxtb16 %[even], %[first]\n\t"
            "uxtb16 %[odd], %[second]\n\t"
            "uxtb16 %[first], %[first], ror #8\n\t"
            "uxtb16 %[second], %[second], ror #8\n\t"
            "strd %[even], %[odd], [%[x]]\n\t"
            "strd %[first], %[second], [%[x], #16]\n\t"
            "ldr %[first], [%[c]], #4\n\t"
            "ldr %[second], [%[d]], #4\n\t"
            "uxtb16 %[even], %[first]\n\t"
            "uxtb16 %[odd], %[second]\n\t"
            "uxtb16 %[first], %[first], ror #8\n\t"
            "uxtb16 %[second], %[second], ror #8\n\t"
            "strd %[first], %[second], [%[x], #24]\n\t"
            "strd %[even], %[odd], [%[x], #8]\n\t"
            "adds %[x], #32\n\t"
            "subs %[words], #1\n\t"
            "bne 1b"
            : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [x] "+r"(x),
              [words] "+r"(words), [first] "=&r"(first), [second] "=&r"(second),
              [even] "=&r"(even), [odd] "=&r"(odd)
            :
            : "cc", "memory");
    from[0].at = a;
    from[1].at = b;
    from[2].at = c;
    from[3].at = d;
#else
    uint32_t pixel;
    for (; words; words--, x += 4 * PIXELS) {
        for (pixel = 0; pixel < PIXELS; pixel++) {
            const uint32_t word = bw_load(from[pixel].at);
            bw_store(x + 2 * pixel, bw_unsigned_even(word));
            bw_store(x + 2 * pixel + 2 * PIXELS, bw_unsigned_odd(word));
            from[pixel].at += 4;
        }
    }
#endif
    return x;
}

/* Where the four pixels from `pixel` on read; all the same one where a map has less than four. */
BW_INLINE void sources(
    const work_of *work, uint32_t pixel, uint32_t channel, uint32_t apart, source_of from[PIXELS])
{
    const bw_conv *layer = work->layer;
    const uint32_t width = layer->out_width, step = (uint32_t)layer->stride * layer->channels;
    uint32_t y = pixel / width, x = pixel % width, at;
    uint8_t *window = work->windows;
    from[0] = source(work, y, x, channel, window);
    if (x + PIXELS <= width && from[0].at != window &&
        (x + PIXELS - 1) * layer->stride < work->inner_width + layer->kernel / 2U) {
        for (at = 1; at < PIXELS; at++) {
            from[at].at = from[at - 1].at + step;
            from[at].skip = from[0].skip;
        }
        return;
    }
    for (at = 1; at < PIXELS; at++) {
        window += 4 * work->words + 4;
        if (apart && ++x == width) {
            x = 0;
            y++;
        }
        from[at] = source(work, y, x, channel, window);
    }
}

/* The inputs of four pixels. */
BW_APART void gather_pixels(const work_of *work, uint32_t pixel, uint32_t channel, uint32_t apart)
{
    int16_t *to = work->x;
    source_of from[PIXELS];
    uint32_t runs = work->runs, at;
    sources(work, pixel, channel, apart, from);
    for (;;) {
        to = gather_run(from, to, work->run_words);
        if (--runs == 0) {
            return;
        }
        for (at = 0; at < PIXELS; at++) {
            from[at].at += from[at].skip;
        }
    }
}

/* The sums of a row with four pixels; moves `row` behind its bias and its weights. */
BW_INLINE bw_sums multiply_row(const uint8_t **row, const int16_t *x, uint32_t words)
{
    bw_sums sums;
#if BW_DSP
    uint32_t turns = (words + 3) / 4, two = 4 * turns - words, next;
    /* A turn takes four words; the first one begins where as many are left as fill whole turns. Not
     * r7: without optimisation it is taken. */
    __asm__(".macro word\n\t"
            "ldrd %[two], %[next], [%[row]], #8\n\t"
            "ldmia %[x]!, {r4, r5, r6, r8}\n\t"
            "smlad %[a], r4, %[two], %[a]\n\t"
            "smlad %[b], r5, %[two], %[b]\n\t"
            "smlad %[c], r6, %[two], %[c]\n\t"
            "smlad %[d], r8, %[two], %[d]\n\t"
            "ldmia %[x]!, {r4, r5, r6, r8}\n\t"
            "smlad %[a], r4, %[next], %[a]\n\t"
            "smlad %[b], r5, %[next], %[b]\n\t"
            "smlad %[c], r6, %[next], %[c]\n\t"
            "smlad %[d], r8, %[next], %[d]\n\t"
            ".endm\n\t"
            "ldrd %[a], %[b], [%[row]]\n\t"
            "ldrd %[c], %[d], [%[row]], #8\n\t"
            "tbb [pc, %[two]]\n"
            "0:\n\t"
            ".byte (1f - 0b) / 2, (2f - 0b) / 2, (3f - 0b) / 2, (4f - 0b) / 2\n"
            "1:\n\t"
            "word\n"
            "2:\n\t"
            "word\n"
            "3:\n\t"
            "word\n"
            "4:\n\t"
            "word\n\t"
            "subs %[turns], #1\n\t"
            "bne 1b\n\t"
            ".purgem word"
            : [a] "=&r"(sums.a), [b] "=&r"(sums.b), [c] "=&r"(sums.c), [d] "=&r"(sums.d),
              [x] "+r"(x), [row] "+r"(*row), [turns] "+r"(turns), [two] "+r"(two),
              [next] "=&r"(next)
            :
            : "r4", "r5", "r6", "r8", "cc", "memory");
#else
    sums.a = sums.b = sums.c = sums.d = (int32_t)bw_load(*row);
    *row += 8;
    for (words *= 2; words; words--, x += 2 * PIXELS, *row += 4) {
        const uint32_t two = bw_load(*row);
        sums.a = bw_multiply_pairs(bw_load(x), two, sums.a);
        sums.b = bw_multiply_pairs(bw_load(x + 2), two, sums.b);
        sums.c = bw_multiply_pairs(bw_load(x + 4), two, sums.c);
        sums.d = bw_multiply_pairs(bw_load(x + 6), two, sums.d);
    }
#endif
    return sums;
}

BW_APART void careful_codes(
    const bw_rescale *to, bw_sums sums, const uint8_t *ends, uint8_t *out, uint32_t apart)
{
    const int32_t multiplier = -(int32_t)bw_load(ends), shift = (int32_t)bw_load(ends + 4);
    const int32_t zero = to->zero_point;
    out[0] = (uint8_t)bw_careful_code(sums.a, multiplier, shift, zero);
    out[apart] = (uint8_t)bw_careful_code(sums.b, multiplier, shift, zero);
    out[2 * apart] = (uint8_t)bw_careful_code(sums.c, multiplier, shift, zero);
    out[3 * apart] = (uint8_t)bw_careful_code(sums.d, multiplier, shift, zero);
}

/* The codes of four pixels for each of the rows at hand; pixels lie `apart`. */
BW_APART void multiply_rows(const work_of *work, uint32_t rows, uint8_t *out, uint32_t apart)
{
    const int32_t addend = bw_lifted_addend(&work->layer->rescale);
    const int16_t *const x = work->x;
    const uint32_t words = work->words;
    const uint8_t *row = work->rows, *const end = out + rows;
    for (; out < end; out++) {
        const bw_sums sums = multiply_row(&row, x, words);
        const int32_t multiplier = (int32_t)bw_load(row);
        BW_HIDE(out);
        if (multiplier >= 0) {
            out[0] = (uint8_t)bw_lifted_code(sums.a, multiplier, addend);
            out[apart] = (uint8_t)bw_lifted_code(sums.b, multiplier, addend);
            out[2 * apart] = (uint8_t)bw_lifted_code(sums.c, multiplier, addend);
            out[3 * apart] = (uint8_t)bw_lifted_code(sums.d, multiplier, addend);
        } else {
            careful_codes(&work->layer->rescale, sums, row, out, apart);
        }
        row += 8;
    }
}

/* Decodes rows of weights, and what else is needed of them. */
BW_APART void prepare_rows(const work_of *work, uint32_t row, uint32_t rows)
{
    const bw_conv *layer = work->layer;
    uint8_t *to = work->rows;
    for (; rows; rows--, row++) {
        const bw_lift lift = bw_lift_of(&layer->rescale, row);
        const uint32_t bias = (uint32_t)layer->bias[row] << lift.by;
        bw_store(to, bias);
        bw_store(to + 4, bias);
        layer->decode(&layer->weights, row, work->count, lift.by, (int16_t *)(void *)(to + 8));
        to += 8 + 8 * work->words;
        bw_store(to, (uint32_t)lift.multiplier);
        bw_store(to + 4, (uint32_t)lift.shift);
        to += 8;
    }
}

void bw_convolve(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    const uint32_t pixels = (uint32_t)layer->out_height * layer->out_width;
    const uint32_t channels = layer->out_channels, outputs = channels / layer->groups;
    const uint32_t apart = pixels < PIXELS ? 0 : channels;
    uint32_t row, rows, pixel;
    work_of work;
    work.layer = layer;
    work.in = in;
    work.each = (uint32_t)(layer->channels / layer->groups);
    work.count = (uint32_t)layer->kernel * layer->kernel * work.each;
    work.words = (work.count + 3) / 4;
    work.x = scratch;
    work.rows = (uint8_t *)(work.x + 4 * PIXELS * work.words);
    work.windows = work.rows + layer->rows * (ROW_BYTES + 8 * work.words);
    work.inner_height = work.inner_width = 0;
    work.runs = 1;
    work.run_words = work.words;
    if (layer->groups == 1 && layer->kernel * layer->channels % 4 == 0) {
        work.runs = layer->kernel;
        work.run_words = work.words / work.runs;
        if (layer->height >= layer->kernel && layer->width >= layer->kernel) {
            work.inner_height = (uint32_t)(layer->height - layer->kernel + 1);
            work.inner_width = (uint32_t)(layer->width - layer->kernel + 1);
        }
    }
    for (row = 0; row < channels; row += rows) {
        const uint32_t group = row / outputs, left = (group + 1) * outputs - row;
        rows = left < layer->rows ? left : layer->rows;
        prepare_rows(&work, row, rows);
        for (pixel = 0; pixel < pixels; pixel += apart ? PIXELS : 1) {
            const uint32_t first = apart && pixel + PIXELS > pixels ? pixels - PIXELS : pixel;
            gather_pixels(&work, first, group * work.each, apart);
            multiply_rows(&work, rows, out + first * channels + row, apart);
        }
    }
    bw_finish(&layer->rescale, out, pixels * channels);
}
