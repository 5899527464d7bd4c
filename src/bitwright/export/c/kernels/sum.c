/* The sum of two maps (a residual block's end): both operands rescaled, added, rounded once. */
#include "codes.h"

void bw_sum(const bw_add *layer, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    const bw_add with = *layer;
    const int32_t shift = with.rescale.shift[0], zero_point = with.rescale.zero_point;
    const uint8_t *const end = a + with.count;
    while (a < end) {
        int32_t from_a = (*a++ - with.zero_a) * (1 << with.left_a);
        int32_t from_b = (*b++ - with.zero_b) * (1 << with.left_b);
        int64_t total = (int64_t)from_a * with.multiplier_a + (int64_t)from_b * with.multiplier_b;
        *out++ = (uint8_t)bw_rounded(total, shift, zero_point);
    }
    bw_finish(&layer->rescale, out - with.count, with.count);
}
