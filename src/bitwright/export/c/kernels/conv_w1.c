/* Weights of 1 bit. */
#include "conv.h"

void bw_conv_w1(const bw_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    bw_convolve(layer, in, out, scratch, 1);
}
