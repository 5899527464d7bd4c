/* The sum of two maps (a residual block's end): both operands rescaled, added, rounded once. */
#include "arithmetic.h"

void bw_sum(const bw_add *layer, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    const bw_add with = *layer;
    const bw_ends ends = bw_ends_of(&with.rescale);
    const int shift = with.rescale.shift[0];
    const uint8_t *const end = a + with.count;
    while (a < end) {
        int32_t from_a = (*a++ - with.zero_a) * (1 << with.left_a);
        int32_t from_b = (*b++ - with.zero_b) * (1 << with.left_b);
        int64_t total = (int64_t)from_a * with.multiplier_a + (int64_t)from_b * with.multiplier_b;
        *out++ = bw_on_level(bw_rounded(total, shift, ends.twice_zero), ends);
    }
}
