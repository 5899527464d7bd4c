/* The formulas of norm_kernels.c for one type of VALUE; included once for each. */

/* A block's mean and its sum of squares about that mean, channel by channel. */
static void NAMED(statistics)(const VALUE *restrict x, float *restrict mean, float *restrict squares, long positions,
                              long channels, long width) {
    long n = positions * channels;
    float sums[width], centre[width];
    memset(sums, 0, width * sizeof(float));
    for (long at = 0; at < n; at += width) {
        long size = least(width, n - at);
#pragma omp simd
        for (long i = 0; i < size; i++) sums[i] += NAMED(load)(x + at + i);
    }
    gather(sums, mean, channels, width);
    for (long c = 0; c < channels; c++) centre[c] = mean[c] /= positions;
    repeat(centre, channels, width);
    memset(sums, 0, width * sizeof(float));
    for (long at = 0; at < n; at += width) {
        long size = least(width, n - at);
#pragma omp simd
        for (long i = 0; i < size; i++) {
            float apart = NAMED(load)(x + at + i) - centre[i];
            sums[i] += apart * apart;
        }
    }
    gather(sums, squares, channels, width);
}

/* `out` is `x` normalised and on the grid; also the batch's mean, 1 / deviation and variance. */
void NAMED(norm_forward)(const Norm *norm, const VALUE *x, VALUE *out, float *variance) {
    Cut cut = cut_of(norm);
    long channels = norm->channels, width = cut.width;
    float step = *norm->step, low = *norm->low, high = *norm->high;
    float factor[width], shift[width];
#pragma omp parallel for schedule(static) num_threads(norm->threads) if (cut.blocks > 2)
    for (long block = 0; block < cut.blocks; block++) {
        float *of = norm->partial + block * 2 * channels;
        const VALUE *start = x + block * cut.positions * channels;
        NAMED(statistics)(start, of, of + channels, size_of(norm, cut, block), channels, width);
    }
    finish_statistics(norm, cut, variance);
    to_steps(norm, cut, factor, shift);
#pragma omp parallel for schedule(static) num_threads(norm->threads) if (cut.blocks > 2)
    for (long block = 0; block < cut.blocks; block++) {
        long start = block * cut.positions * channels, n = size_of(norm, cut, block) * channels;
        for (long at = start; at < start + n; at += width) {
            long size = least(width, start + n - at);
#pragma omp simd
            for (long i = 0; i < size; i++) {
                float value = NAMED(load)(x + at + i) * factor[i] + shift[i];
                NAMED(store)(out + at + i, rintf(clamped(value, low, high)) * step);
            }
        }
    }
}

/* A block's sums: of the masked gradient, of it times the distance from the mean; returns the step's. */
static float NAMED(gradient_sums)(const Norm *norm, const VALUE *restrict grad, const VALUE *restrict x,
                                  float *restrict sums, long n, const float *restrict lines[3], long width) {
    const float *restrict factor = lines[0], *restrict shift = lines[1], *restrict mean = lines[2];
    float low = *norm->low, high = *norm->high, to_step = 0;
    float plain[width], apart[width];
    memset(plain, 0, width * sizeof(float));
    memset(apart, 0, width * sizeof(float));
    for (long at = 0; at < n; at += width) {
        long size = least(width, n - at);
#pragma omp simd reduction(+ : to_step)
        for (long i = 0; i < size; i++) {
            float raw = NAMED(load)(x + at + i), slope = NAMED(load)(grad + at + i);
            float free = raw * factor[i] + shift[i], value = clamped(free, low, high);
            int inside = -(free == value);
            float kept = masked(slope, inside);
            to_step += slope * (rintf(value) - masked(value, inside));
            plain[i] += kept;
            apart[i] += kept * (raw - mean[i]);
        }
    }
    gather(plain, sums, norm->channels, width);
    gather(apart, sums + norm->channels, norm->channels, width);
    return to_step;
}

/* The gradients of `x`, gain, bias and step, given that of `out`. */
void NAMED(norm_backward)(const Norm *norm, const VALUE *grad, const VALUE *x, VALUE *to_x, float *to_gain,
                          float *to_bias, float *to_step) {
    Cut cut = cut_of(norm);
    long channels = norm->channels, width = cut.width;
    float low = *norm->low, high = *norm->high;
    float factor[width], shift[width], mean[width], scale[width], slope[width], level[width];
    to_steps(norm, cut, factor, shift);
    memcpy(mean, norm->mean, channels * sizeof(float));
    repeat(mean, channels, width);
#pragma omp parallel for schedule(static) num_threads(norm->threads) if (cut.blocks > 2)
    for (long block = 0; block < cut.blocks; block++) {
        const float *lines[3] = {factor, shift, mean};
        long start = block * cut.positions * channels, n = size_of(norm, cut, block) * channels;
        norm->partial[cut.blocks * 2 * channels + block] = NAMED(gradient_sums)(
            norm, grad + start, x + start, norm->partial + block * 2 * channels, n, lines, width);
    }
    finish_sums(norm, cut, to_gain, to_bias, to_step);
    to_raw(norm, cut, to_gain, to_bias, (float *[3]){scale, slope, level});
#pragma omp parallel for schedule(static) num_threads(norm->threads) if (cut.blocks > 2)
    for (long block = 0; block < cut.blocks; block++) {
        long start = block * cut.positions * channels, n = size_of(norm, cut, block) * channels;
        for (long at = start; at < start + n; at += width) {
            long size = least(width, start + n - at);
#pragma omp simd
            for (long i = 0; i < size; i++) {
                float raw = NAMED(load)(x + at + i), free = raw * factor[i] + shift[i];
                float kept = masked(NAMED(load)(grad + at + i), -(free == clamped(free, low, high)));
                NAMED(store)(to_x + at + i, kept * scale[i] + raw * slope[i] + level[i]);
            }
        }
    }
}
