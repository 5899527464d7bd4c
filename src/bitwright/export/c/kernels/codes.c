/* What few sums need on their way to codes: care with ties, and tables of levels. */
#include "codes.h"

/* A sum whose shift is below 0, moved to the left. One too large for that saturates either way. */
static int32_t moved_left(int32_t sum, int32_t left)
{
    int32_t most = (int32_t)(0x40000000U >> left);
    sum = sum > most ? most : sum < -most ? -most : sum;
    return (int32_t)((uint32_t)sum << left);
}

uint32_t bw_careful_code(int32_t sum, int32_t multiplier, int32_t shift, int32_t zero_point)
{
    if (shift < 0) {
        sum = moved_left(sum, -shift);
        shift = 0;
    }
    return bw_rounded((int64_t)sum * multiplier, shift, zero_point);
}

void bw_finish(const bw_rescale *to, uint8_t *codes, uint32_t count)
{
    const uint8_t *const levels = to->levels;
    uint8_t *const end = codes + count;
    if (levels) {
        for (; codes < end; codes++) {
            *codes = levels[*codes];
        }
    } else if (to->high < 255) {
        for (; codes + 4 <= end; codes += 4) {
            bw_store(codes, bw_smaller_bytes(bw_load(codes), to->high * 0x01010101U));
        }
        for (; codes < end; codes++) {
            *codes = *codes < to->high ? *codes : to->high;
        }
    }
}
