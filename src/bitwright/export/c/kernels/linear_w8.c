/* Weights of 8 bits. */
#include "linear.h"

void bw_linear_w8(const bw_linear *layer, const uint8_t *in, void *out, void *scratch)
{
    bw_connect(layer, in, out, scratch, 8);
}
