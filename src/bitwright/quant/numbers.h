/* Numbers as the kernels read, write, clip and mask them; float32, and bfloat16 as uint16. */
#ifndef BITWRIGHT_NUMBERS_H
#define BITWRIGHT_NUMBERS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

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

static inline float masked(float v, int32_t mask) {
    int32_t bits;
    memcpy(&bits, &v, 4);
    bits &= mask;
    memcpy(&v, &bits, 4);
    return v;
}

#endif
