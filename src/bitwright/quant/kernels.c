/* Fake quantization in one pass over memory, both ways, for float32 and bfloat16 (as uint16).
 *
 * A tensor is `rows` x `n` values; each row has its own step and bounds, or all share one (stride 0).
 * The arithmetic is that of fake.py's eager formulas, operation by operation, so the numbers are the same.
 * Sums over a row are taken in blocks of fixed size and added in order: the same for any number of threads.
 */
#include "numbers.h"

#define BLOCK 8192

enum { EVEN, ODD, TABLE, CLIPPED }; /* as in lattice.py */

/* The level of a value within lo..hi, in steps; NaN stays. A table holds the level of each whole step from lo. */
static inline float level(float value, float lo, const float *table, int kind) {
    if (kind == ODD) return 2 * floorf(value * 0.5f) + 1;
    if (kind != TABLE) return rintf(value);
    float at = value == value ? rintf(value) - lo : 0;
    float found = table[(int)at];
    return value == value ? found : value;
}

static inline long blocks_of(long n) { return (n + BLOCK - 1) / BLOCK; }

/* One block of a row; `KIND` is known to the compiler, so that each loop becomes vector code. */
#define DEFINE_BLOCK(TYPE, NAME, KIND)                                                             \
    static void forward_##NAME##_##KIND(const TYPE *restrict x, TYPE *restrict out, long n,        \
                                        float s, float lo, float hi, const float *table) {         \
        _Pragma("omp simd") for (long i = 0; i < n; i++) {                                         \
            float value = clamped(load_##NAME(x + i) / s, lo, hi);                                 \
            store_##NAME(out + i, level(value, lo, table, KIND) * s);                              \
        }                                                                                          \
    }                                                                                              \
    static float backward_##NAME##_##KIND(const TYPE *restrict grad, const TYPE *restrict x,       \
                                          TYPE *restrict to_x, long n, float s, float lo,          \
                                          float hi, const float *table) {                          \
        float sum = 0;                                                                             \
        _Pragma("omp simd reduction(+ : sum)") for (long i = 0; i < n; i++) {                      \
            float raw = load_##NAME(x + i) / s, value = clamped(raw, lo, hi);                      \
            float slope = load_##NAME(grad + i), code = level(value, lo, table, KIND);             \
            int inside = -(raw == value);                                                          \
            float moves = KIND == CLIPPED ? masked(code, ~inside) : code - masked(value, inside);  \
            sum += slope * moves;                                                                  \
            store_##NAME(to_x + i, masked(slope, inside));                                         \
        }                                                                                          \
        return sum;                                                                                \
    }

#define DEFINE(TYPE, NAME)                                                                         \
    DEFINE_BLOCK(TYPE, NAME, EVEN)                                                                 \
    DEFINE_BLOCK(TYPE, NAME, ODD)                                                                  \
    DEFINE_BLOCK(TYPE, NAME, TABLE)                                                                \
    DEFINE_BLOCK(TYPE, NAME, CLIPPED)                                                              \
    void forward_##NAME(const TYPE *x, TYPE *out, long rows, long n, const float *step,            \
                        long step_stride, const float *low, const float *high, long bound_stride,  \
                        const float *table, long table_stride, int kind, int threads) {            \
        void (*const block_of[])(const TYPE *, TYPE *, long, float, float, float, const float *) = \
            {forward_##NAME##_EVEN, forward_##NAME##_ODD, forward_##NAME##_TABLE,                  \
             forward_##NAME##_CLIPPED};                                                            \
        long per_row = blocks_of(n), total = rows * per_row;                                       \
        _Pragma("omp parallel for schedule(static) num_threads(threads) if (rows * n > 16384)")    \
        for (long block = 0; block < total; block++) {                                             \
            long row = block / per_row, start = block % per_row * BLOCK, at = row * n + start;     \
            long size = n - start < BLOCK ? n - start : BLOCK;                                     \
            block_of[kind](x + at, out + at, size, step[row * step_stride],                        \
                           low[row * bound_stride], high[row * bound_stride],                      \
                           table + row * table_stride);                                            \
        }                                                                                          \
    }                                                                                              \
    /* `partial` has room for rows x blocks sums; `to_step` gets one sum a row. */                 \
    void backward_##NAME(const TYPE *grad, const TYPE *x, TYPE *to_x, float *to_step,              \
                         float *partial, long rows, long n, const float *step, long step_stride,   \
                         const float *low, const float *high, long bound_stride,                   \
                         const float *table, long table_stride, int kind, int threads) {           \
        float (*const block_of[])(const TYPE *, const TYPE *, TYPE *, long, float, float, float,   \
                                  const float *) =                                                 \
            {backward_##NAME##_EVEN, backward_##NAME##_ODD, backward_##NAME##_TABLE,               \
             backward_##NAME##_CLIPPED};                                                           \
        long per_row = blocks_of(n), total = rows * per_row;                                       \
        _Pragma("omp parallel for schedule(static) num_threads(threads) if (rows * n > 16384)")    \
        for (long block = 0; block < total; block++) {                                             \
            long row = block / per_row, start = block % per_row * BLOCK, at = row * n + start;     \
            long size = n - start < BLOCK ? n - start : BLOCK;                                     \
            partial[block] = block_of[kind](grad + at, x + at, to_x + at, size,                    \
                                            step[row * step_stride], low[row * bound_stride],      \
                                            high[row * bound_stride], table + row * table_stride); \
        }                                                                                          \
        for (long row = 0; row < rows; row++) {                                                    \
            double sum = 0;                                                                        \
            for (long block = 0; block < per_row; block++) sum += partial[row * per_row + block];  \
            to_step[row] = (float)sum;                                                             \
        }                                                                                          \
    }

DEFINE(float, f32)
DEFINE(uint16_t, bf16)
