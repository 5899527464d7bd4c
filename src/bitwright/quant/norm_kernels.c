/* Batch norm by the batch's own statistics and fake quantization as one step; sums of two maps likewise.
 *
 * Maps lie channels last: `rows` positions x `channels` values without gaps. A block is a fixed number of
 * positions; sums are taken block by block and added in order: the same for any number of threads. Within a
 * block several positions make one long row, so that few channels fill the vectors as well as many do.
 *
 * The arithmetic is batch norm's, then fake.py's. The norm's factor and shift are divided by the step first, so
 * that a value takes one multiplication and one addition on its way to its code.
 */
#include "numbers.h"

#define BLOCK 8192 /* values in a block, or one position where that has more */
#define WIDE 256   /* values in a long row, or one position where that has more */

typedef struct {
    long rows, channels, threads;
    const float *gain, *bias, *step, *low, *high;
    float *mean, *inverse; /* (channels) of the batch; inverse is 1 / deviation */
    float *partial;        /* room for (blocks, 2, channels) sums and (blocks) more */
    float epsilon, damping;
} Norm;

/* How a map is cut: `blocks` of `positions`, read in long rows of `width` values. */
typedef struct {
    long positions, blocks, width;
} Cut;

static Cut cut_of(const Norm *norm) {
    long channels = norm->channels;
    Cut cut = {.positions = channels < BLOCK ? BLOCK / channels : 1};
    cut.blocks = (norm->rows + cut.positions - 1) / cut.positions;
    cut.width = channels < WIDE ? WIDE / channels * channels : channels;
    return cut;
}

static inline long least(long a, long b) { return a < b ? a : b; }

/* The positions of one block: all have the same number but the last. */
static inline long size_of(const Norm *norm, Cut cut, long block) {
    return least(cut.positions, norm->rows - block * cut.positions);
}

/* Repeats the first `channels` numbers until they are `width`. */
static void repeat(float *numbers, long channels, long width) {
    for (long at = channels; at < width; at += channels)
        memcpy(numbers + at, numbers, channels * sizeof(float));
}

/* The sums over a long row's positions: (width) to (channels). */
static void gather(const float *wide, float *sums, long channels, long width) {
    memcpy(sums, wide, channels * sizeof(float));
    for (long at = channels; at < width; at += channels)
        for (long c = 0; c < channels; c++) sums[c] += wide[at + c];
}

/* Puts the blocks' means and sums of squares about them together, in double. */
static void finish_statistics(const Norm *norm, Cut cut, float *variance) {
    long channels = norm->channels;
    for (long c = 0; c < channels; c++) {
        double mean = 0, squares = 0;
        for (long block = 0; block < cut.blocks; block++)
            mean += (double)norm->partial[block * 2 * channels + c] * size_of(norm, cut, block);
        mean /= norm->rows;
        for (long block = 0; block < cut.blocks; block++) {
            const float *of = norm->partial + block * 2 * channels;
            double apart = of[c] - mean;
            squares += of[channels + c] + apart * apart * size_of(norm, cut, block);
        }
        norm->mean[c] = (float)mean;
        norm->inverse[c] = (float)(1 / sqrt(squares / norm->rows + norm->epsilon));
        variance[c] = (float)(squares / (norm->rows - 1)); /* the unbiased one, for inference */
    }
}

/* What takes a raw value to steps: value = raw x factor + shift. */
static void to_steps(const Norm *norm, Cut cut, float *factor, float *shift) {
    for (long c = 0; c < norm->channels; c++) {
        float scale = norm->gain[c] * norm->inverse[c];
        factor[c] = scale / *norm->step;
        shift[c] = (norm->bias[c] - norm->mean[c] * scale) / *norm->step;
    }
    repeat(factor, norm->channels, cut.width);
    repeat(shift, norm->channels, cut.width);
}

/* Adds the blocks up in order: gradients of gain, bias and step; `sums` (2, channels) for to_raw. */
static void finish_sums(const Norm *norm, Cut cut, float *to_gain, float *to_bias, float *to_step) {
    long channels = norm->channels;
    for (long c = 0; c < channels; c++) {
        double plain = 0, apart = 0;
        for (long block = 0; block < cut.blocks; block++) {
            plain += norm->partial[block * 2 * channels + c];
            apart += norm->partial[block * 2 * channels + channels + c];
        }
        to_bias[c] = (float)plain;
        to_gain[c] = (float)(apart * norm->inverse[c]);
    }
    double steps = 0;
    for (long block = 0; block < cut.blocks; block++) steps += norm->partial[cut.blocks * 2 * channels + block];
    *to_step = (float)steps * norm->damping;
}

/* What makes the input's gradient: (masked gradient) x scale + raw x slope + level. */
static void to_raw(const Norm *norm, Cut cut, const float *to_gain, const float *to_bias, float *lines[3]) {
    float *scale = lines[0], *slope = lines[1], *level = lines[2];
    for (long c = 0; c < norm->channels; c++) {
        scale[c] = norm->gain[c] * norm->inverse[c];
        slope[c] = -scale[c] * norm->inverse[c] * to_gain[c] / norm->rows;
        level[c] = -scale[c] * to_bias[c] / norm->rows - slope[c] * norm->mean[c];
    }
    for (int line = 0; line < 3; line++) repeat(lines[line], norm->channels, cut.width);
}

#define VALUE float
#define NAMED(name) name##_f32
#include "norm_formulas.h"
#undef VALUE
#undef NAMED

#define VALUE uint16_t
#define NAMED(name) name##_bf16
#include "norm_formulas.h"
