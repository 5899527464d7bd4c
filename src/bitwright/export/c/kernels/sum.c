/* The sum of two maps (a residual block's end): both operands rescaled, added, rounded once. */
#include "arithmetic.h"

void bw_sum(const bw_add *layer, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    const bw_rescale *to = &layer->rescale;
    const int shift = to->shift[0];
    uint32_t i;
    for (i = 0; i < layer->count; i++) {
        int32_t from_a = (a[i] - layer->zero_a) * (1 << layer->left_a);
        int32_t from_b = (b[i] - layer->zero_b) * (1 << layer->left_b);
        int64_t total =
            (int64_t)from_a * layer->multiplier_a + (int64_t)from_b * layer->multiplier_b;
        uint8_t code = bw_rounded(total, shift, to);
        out[i] = to->levels ? to->levels[code] : code;
    }
}
