/* Weights of 2 bits. */
#include "conv.h"

void bw_conv_w2(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    bw_convolve(layer, in, out, scratch, 2);
}
