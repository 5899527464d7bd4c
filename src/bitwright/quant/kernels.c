/* Fake quantization in one pass over memory, both ways, for float32 and bfloat16 (as uint16).
 *
 * A tensor is `rows` x `n` values; each row has its own step and bounds, or all share one (stride 0).
 * The arithmetic is that of fake.py's eager formulas, operation by operation, so the numbers are the same.
 * Sums over a row are taken in blocks of fixed size and added in order: the same for any number of threads.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 8192

static inline float load_f32(const float *p) { return *p; }
static inline void store_f32(float *p, float v) { *p = v; }

static inline float load_bf16(const uint16_t *p) {
    uint32_t bits = (uint32_t)*p << 16;
    float v;
    memcpy(&v, &bits, 4);
    return v;
}

static inline void store_bf16(uint16_t *p, float v) { /* to nearest, ties to even; NaN stays NaN */
    uint32_t bits;
    memcpy(&bits, &v, 4);
    uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    *p = (uint16_t)(v != v ? 0x7FC0 : rounded);
}

static inline float clamped(float v, float low, float high) {
    v = v < low ? low : v;
    return v > high ? high : v;
}

static inline float level(float value, float low, float high, int binary) {
    return binary ? (value >= 0 ? high : value < 0 ? low : value) : rintf(value); /* NaN stays */
}

static inline float masked(float v, int32_t mask) {
    int32_t bits;
    memcpy(&bits, &v, 4);
    bits &= mask;
    memcpy(&v, &bits, 4);
    return v;
}

static inline long blocks_of(long n) { return (n + BLOCK - 1) / BLOCK; }

/* One block of a row; `BINARY` is known to the compiler, so that each loop becomes vector code. */
#define DEFINE_BLOCK(TYPE, NAME, KIND, BINARY)                                                     \
    static void forward_##NAME##_##KIND(const TYPE *restrict x, TYPE *restrict out, long n,        \
                                        float s, float lo, float hi) {                             \
        _Pragma("omp simd") for (long i = 0; i < n; i++) {                                         \
            float value = clamped(load_##NAME(x + i) / s, lo, hi);                                 \
            store_##NAME(out + i, level(value, lo, hi, BINARY) * s);                               \
        }                                                                                          \
    }                                                                                              \
    static float backward_##NAME##_##KIND(const TYPE *restrict grad, const TYPE *restrict x,       \
                                          TYPE *restrict to_x, long n, float s, float lo,          \
                                          float hi) {                                              \
        float sum = 0;                                                                             \
        _Pragma("omp simd reduction(+ : sum)") for (long i = 0; i < n; i++) {                      \
            float raw = load_##NAME(x + i) / s, value = clamped(raw, lo, hi);                      \
            float slope = load_##NAME(grad + i), code = level(value, lo, hi, BINARY);              \
            int inside = -(raw == value);                                                          \
            sum += slope * (code - masked(value, inside));                                         \
            store_##NAME(to_x + i, masked(slope, inside));                                         \
        }                                                                                          \
        return sum;                                                                                \
    }

#define DEFINE(TYPE, NAME)                                                                         \
    DEFINE_BLOCK(TYPE, NAME, even, 0)                                                              \
    DEFINE_BLOCK(TYPE, NAME, sign, 1)                                                              \
    void forward_##NAME(const TYPE *x, TYPE *out, long rows, long n, const float *step,            \
                        long step_stride, const float *low, const float *high, long bound_stride,  \
                        int binary, int threads) {                                                 \
        long per_row = blocks_of(n), total = rows * per_row;                                       \
        _Pragma("omp parallel for schedule(static) num_threads(threads) if (rows * n > 16384)")    \
        for (long block = 0; block < total; block++) {                                             \
            long row = block / per_row, start = block % per_row * BLOCK, at = row * n + start;     \
            long size = n - start < BLOCK ? n - start : BLOCK;                                     \
            float s = step[row * step_stride];                                                     \
            float lo = low[row * bound_stride], hi = high[row * bound_stride];                     \
            if (binary)                                                                            \
                forward_##NAME##_sign(x + at, out + at, size, s, lo, hi);                          \
            else                                                                                   \
                forward_##NAME##_even(x + at, out + at, size, s, lo, hi);                          \
        }                                                                                          \
    }                                                                                              \
    /* `partial` has room for rows x blocks sums; `to_step` gets one sum a row. */                 \
    void backward_##NAME(const TYPE *grad, const TYPE *x, TYPE *to_x, float *to_step,              \
                         float *partial, long rows, long n, const float *step, long step_stride,   \
                         const float *low, const float *high, long bound_stride, int binary,       \
                         int threads) {                                                            \
        long per_row = blocks_of(n), total = rows * per_row;                                       \
        _Pragma("omp parallel for schedule(static) num_threads(threads) if (rows * n > 16384)")    \
        for (long block = 0; block < total; block++) {                                             \
            long row = block / per_row, start = block % per_row * BLOCK, at = row * n + start;     \
            long size = n - start < BLOCK ? n - start : BLOCK;                                     \
            float s = step[row * step_stride];                                                     \
            float lo = low[row * bound_stride], hi = high[row * bound_stride];                     \
            partial[block] =                                                                       \
                binary ? backward_##NAME##_sign(grad + at, x + at, to_x + at, size, s, lo, hi)     \
                       : backward_##NAME##_even(grad + at, x + at, to_x + at, size, s, lo, hi);    \
        }                                                                                          \
        for (long row = 0; row < rows; row++) {                                                    \
            double sum = 0;                                                                        \
            for (long block = 0; block < per_row; block++) sum += partial[row * per_row + block];  \
            to_step[row] = (float)sum;                                                             \
        }                                                                                          \
    }

DEFINE(float, f32)
DEFINE(uint16_t, bf16)
